"""Releases leave the office: to a folder, an SFTP server, a web server or by e-mail.

``load_targets`` reads where to (``<home>/targets.yml``), ``send`` brings one release to one target and returns
its acknowledgement. Whether a release was sent is kept by the caller's ledger (``ops.delivery``).
"""

from etl.send.outgoing import MANIFEST, Acknowledgement, Message, OutgoingFile
from etl.send.send import send
from etl.send.targets import Target, load_targets

__all__ = ["MANIFEST", "Acknowledgement", "Message", "OutgoingFile", "Target", "load_targets", "send"]
