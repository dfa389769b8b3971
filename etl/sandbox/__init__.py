"""A portal to practise on: the national portal's current API on 127.0.0.1, well-behaved or not.

* ``SamplePortal`` – generated data for all 34 provinces, any period since 2026;
* ``CapturedPortal`` – a folder of captured bodies, replayed byte for byte;
* ``SandboxServer`` – either of them over real HTTP;
* ``Fault`` / ``Misbehaviour`` – the failures the real portal has shown, on order.

It knows the portal's contract and nothing of the code that reads the portal, so that the two
can disagree.
"""

from etl.sandbox.captures import CapturedPortal
from etl.sandbox.contract import BadRequest
from etl.sandbox.misbehaviour import Fault, Misbehaviour
from etl.sandbox.sample import SamplePortal
from etl.sandbox.server import DataSource, ReceivedRequest, SandboxServer

__all__ = [
    "BadRequest",
    "CapturedPortal",
    "DataSource",
    "Fault",
    "Misbehaviour",
    "ReceivedRequest",
    "SamplePortal",
    "SandboxServer",
]
