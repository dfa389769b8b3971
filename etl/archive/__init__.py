"""Raw captures: content-addressed, immutable, each with a manifest of what was asked and when.

Layout under the archive folder::

    objects/<first two hex>/<sha256>                     the bytes, as received
    captures/<source>/<scope>/<period>/<capture id>.json  one manifest per capture
    columnar/<first two hex>/<sha256>.parquet            of dossier lists: the columns that are not personal

Nothing here is ever changed, and nothing deleted but the objects that hold personal data, when
their retention is over (a mark says so; manifest, columnar copy and figures stay). The folder
is made for its owner only, and files are made read-only. Bytes come first and
the manifest last, each by write-to-temporary, fsync, rename: whatever moment a process
dies, there is either no manifest or a manifest whose bytes are there.
"""

from etl.archive.store import Archive, Capture

__all__ = ["Archive", "Capture"]
