"""Raw captures: content-addressed, immutable, each with a manifest of what was asked and when.

Layout under the archive folder::

    objects/<first two hex>/<sha256>                     the bytes, as received
    captures/<source>/<scope>/<period>/<capture id>.json  one manifest per capture

Nothing here is ever changed or deleted; files are made read-only. Bytes come first and
the manifest last, each by write-to-temporary, fsync, rename: whatever moment a process
dies, there is either no manifest or a manifest whose bytes are there.
"""

from etl.archive.store import Archive, Capture

__all__ = ["Archive", "Capture"]
