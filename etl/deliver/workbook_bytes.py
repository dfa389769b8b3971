"""A workbook as bytes that depend on its content alone.

openpyxl stamps the moment of saving into ``docProps/core.xml`` and into every zip entry.
Both are replaced here, so that rendering the same data twice gives the same file
(``docs``: documents carry no clock) and no machine or user name travels with it.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

from openpyxl import Workbook

# The earliest moment a zip entry can carry; it says "not recorded".
_NO_DATE = (1980, 1, 1, 0, 0, 0)
_FRAME = re.compile(rb'name="Chart ([0-9]+)"')
_DIMENSION = re.compile(rb'<dimension ref="([A-Z]+[0-9]+(?::[A-Z]+[0-9]+)?)"')


def workbook_bytes(
    workbook: Workbook,
    *,
    title: str,
    creator: str,
    at: datetime,
    described: Mapping[str, Sequence[tuple[str, str]]] | None = None,
) -> bytes:
    """Save ``workbook`` without a trace of when and where.

    ``described``: of each sheet with charts their titles and descriptions, in the order they were added.
    ``title`` and ``creator`` become the document's properties; ``at`` (aware) its creation
    time: the capture time of the data, not the clock. Entries are stored, not deflated:
    two zlib builds may pack the same bytes differently, and a province's appendix is some
    hundreds of kilobytes. Returns the XLSX file.
    """
    saved = io.BytesIO()
    workbook.save(saved)
    parts = _described_parts(workbook, described or {})
    out = io.BytesIO()
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as target:
        for name in sorted(source.namelist(), key=_entry_order):
            content = source.read(name)
            if name == "docProps/core.xml":
                content = _core_properties(title, creator, at)
            elif name.startswith("xl/worksheets/sheet"):
                content = _without_text_warnings(content)
            elif name.startswith("xl/drawings/drawing"):
                content = _with_descriptions(content, parts[name])
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


def _described_parts(
    workbook: Workbook, described: Mapping[str, Sequence[tuple[str, str]]]
) -> dict[str, Sequence[tuple[str, str]]]:
    """Titles and descriptions by the part their drawing is saved in: drawings are numbered by sheets that have one.

    Raises ValueError for a chart without words: someone who cannot see it would be told nothing.
    """
    found: dict[str, Sequence[tuple[str, str]]] = {}
    for sheet in workbook.worksheets:
        charts = len(sheet._charts)  # type: ignore[attr-defined]
        told = described.get(sheet.title, ())
        if charts != len(told) or not all(title and description for title, description in told):
            raise ValueError(f"sheet {sheet.title}: {charts} charts, but words for {len(told)}")
        if charts:
            found[f"xl/drawings/drawing{len(found) + 1}.xml"] = told
    return found


def _with_descriptions(drawing_xml: bytes, described: Sequence[tuple[str, str]]) -> bytes:
    """Write alternative text into a drawing: openpyxl names its frames "Chart 1" and says no more."""

    def told(found: re.Match[bytes]) -> bytes:
        number = int(found[1])
        title, description = described[number - 1]
        text = f'name="Biểu đồ {number}" descr={quoteattr(description)} title={quoteattr(title)}'
        return text.encode("utf-8")

    out, count = _FRAME.subn(told, drawing_xml)
    if count != len(described):
        raise ValueError(f"{len(described)} charts, but {count} frames in the drawing")
    return out


def _without_text_warnings(sheet_xml: bytes) -> bytes:
    """Tell Excel not to hang a green corner on codes such as "1.1": they are text on purpose.

    openpyxl cannot write the element; it belongs after the page set-up and breaks, before a drawing.
    """
    found = _DIMENSION.search(sheet_xml)
    if found is None:
        return sheet_xml
    note = b'<ignoredErrors><ignoredError sqref="%b" numberStoredAsText="1"/></ignoredErrors>' % found[1]
    # Text in cells is escaped and can hold no tag.
    place = max(sheet_xml.rfind(b"</worksheet>"), 0)
    for follower in (b"<drawing ", b"<legacyDrawing ", b"<tableParts "):
        at = sheet_xml.find(follower)
        place = at if 0 <= at < place else place
    return sheet_xml[:place] + note + sheet_xml[place:]
