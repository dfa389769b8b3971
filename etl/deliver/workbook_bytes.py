"""A workbook as bytes that depend on its content alone.

openpyxl stamps the moment of saving into ``docProps/core.xml`` and into every zip entry.
Both are replaced here, so that rendering the same data twice gives the same file
(``docs``: documents carry no clock) and no machine or user name travels with it.
"""

from __future__ import annotations

import io
import re
import zipfile
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from openpyxl import Workbook

# The earliest moment a zip entry can carry; it says "not recorded".
_NO_DATE = (1980, 1, 1, 0, 0, 0)
_DIMENSION = re.compile(rb'<dimension ref="([A-Z]+[0-9]+(?::[A-Z]+[0-9]+)?)"')


def workbook_bytes(workbook: Workbook, *, title: str, creator: str, at: datetime) -> bytes:
    """Save ``workbook`` without a trace of when and where.

    ``title`` and ``creator`` become the document's properties; ``at`` (aware) its creation
    time: the capture time of the data, not the clock. Entries are stored, not deflated:
    two zlib builds may pack the same bytes differently, and a province's appendix is some
    hundreds of kilobytes. Returns the XLSX file.
    """
    saved = io.BytesIO()
    workbook.save(saved)
    out = io.BytesIO()
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as target:
        for name in sorted(source.namelist(), key=_entry_order):
            content = source.read(name)
            if name == "docProps/core.xml":
                content = _core_properties(title, creator, at)
            elif name.startswith("xl/worksheets/sheet"):
                content = _without_text_warnings(content)
            entry = zipfile.ZipInfo(name, _NO_DATE)
            entry.create_system = 0  # else the operating system's number is written
            entry.external_attr = 0
            target.writestr(entry, content)
    return out.getvalue()


def _entry_order(name: str) -> tuple[bool, str]:
    """[Content_Types].xml first, as the packaging convention asks; the rest by name."""
    return (name != "[Content_Types].xml", name)


def _core_properties(title: str, creator: str, at: datetime) -> bytes:
    moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    stamps = "".join(
        f'<dcterms:{word} xsi:type="dcterms:W3CDTF">{moment}</dcterms:{word}>'
        for word in ("created", "modified")
    )
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<dc:title>{escape(title)}</dc:title><dc:creator>{escape(creator)}</dc:creator>"
        f"<dc:language>vi-VN</dc:language>{stamps}</cp:coreProperties>"
    ).encode()


def _without_text_warnings(sheet_xml: bytes) -> bytes:
    """Tell Excel not to hang a green corner on codes such as "1.1": they are text on purpose.

    openpyxl cannot write the element; it belongs after the page set-up, and these sheets
    hold nothing (drawings, tables) that would have to follow it.
    """
    found = _DIMENSION.search(sheet_xml)
    if found is None:
        return sheet_xml
    note = b'<ignoredErrors><ignoredError sqref="%b" numberStoredAsText="1"/></ignoredErrors></worksheet>'
    return sheet_xml.replace(b"</worksheet>", note % found[1])
