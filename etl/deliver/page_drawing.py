"""From a Vega-Lite chart to static SVG that may stand in a page.

Vega-Lite is drawn here, when the page is made, and not in the reader's browser: a chart is 5-30 KB of SVG where the
Vega libraries are 800 KB of script, it shows without scripts, prints sharp, and the page's content security policy
needs no ``unsafe-eval``. Places are given in pixels and text is never measured for layout, so that the same figures
give the same bytes on machines with other fonts.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from xml.etree import ElementTree

import altair as alt
import vl_convert
from markupsafe import Markup

from etl.deliver.sheet_text import clean_text

# Contrast against white: ink 15.9, muted 6.3, blue 6.9, red 6.5, edge 3.9, track's edge 3.9 (WCAG AA asks 4.5 and 3).
INK, MUTED, BLUE, RED = "#1b2430", "#55606e", "#1a5c9c", "#b3261e"
TRACK, EDGE, PALE = "#e8eef5", "#76859a", "#f7d9a8"
# Bundled with vl-convert, therefore there on every machine; the page replaces it by the reader's own font.
_MEASURED_FONT = "Liberation Sans"
_LONGEST = 200  # letters of one text
_KEYED = "unit:"
_SVG = "{http://www.w3.org/2000/svg}"
_LONG_DECIMAL = re.compile(r"-?\d+\.\d{3,}")
_DROPPED = ("role", "pointer-events", "class", "version", "font-family", "stroke-miterlimit", "opacity")

_CORNERS, _POINT = ("x", "x2", "y", "y2"), ("x", "y")

Records = list[dict[str, Any]]


@dataclass(frozen=True)
class Layer:
    """Marks of one kind as Vega-Lite's ``mark`` and ``encoding``, and the records they are drawn of."""

    marks: Mapping[str, Any]
    records: Records


@cache
def _marks(
    kind: Any, ends: tuple[str, ...], channel: tuple[str, str] | None, **options: Any
) -> dict[str, Any]:
    """Mark and encoding, built and checked by Altair once for each kind: a page has some eighty layers of a dozen.

    ``ends`` are fields that hold pixels (no scale, no axis); ``channel`` is one more (its name, its field).
    """
    kinds = {"x": alt.X, "x2": alt.X2, "y": alt.Y, "y2": alt.Y2}
    plain = {"scale": None, "axis": None}
    encoding = {end: kinds[end](f"{end}:Q", **({} if end.endswith("2") else plain)) for end in ends}
    if channel:
        encoding |= {channel[0]: channel[1]}
    built = (
        alt.Chart(alt.NamedData("records"), mark=alt.MarkDef(kind, **options)).encode(**encoding).to_dict()
    )
    return {"mark": built["mark"], "encoding": built["encoding"]}


def boxes(records: Records, fill: str, stroke: str | None = None, *, keyed: bool = False) -> Layer:
    """Rectangles from (x, y) to (x2, y2); ``keyed`` ones carry their ``key`` into the page."""
    edge: dict[str, Any] = {"stroke": stroke, "strokeWidth": 1} if stroke else {}
    channel = ("description", "key:N") if keyed else None
    return Layer(_marks("rect", _CORNERS, channel, fill=fill, aria=keyed, **edge), records)


def lines(records: Records, color: str, *, width: float = 1, dash: tuple[int, ...] = ()) -> Layer:
    """Straight lines from (x, y) to (x2, y2)."""
    dashed: dict[str, Any] = {"strokeDash": dash} if dash else {}
    return Layer(
        _marks("rule", _CORNERS, None, color=color, strokeWidth=width, aria=False, **dashed), records
    )


def dots(records: Records, color: str, *, hollow: bool = False) -> Layer:
    """Points at (x, y)."""
    marks = _marks(
        "point", _POINT, None, shape="circle", size=42, filled=False,
        fill="#ffffff" if hollow else color, stroke=color, strokeWidth=2, aria=False,
    )  # fmt: skip
    return Layer(marks, records)


def texts(
    records: Records,
    *,
    size: float = 11,
    color: str = INK,
    align: str = "left",
    bold: bool = False,
    limit: int = 0,
) -> Layer:
    """``text`` of each record at (x, y), its baseline at y; longer than ``limit`` pixels ends in an ellipsis."""
    limited: dict[str, Any] = {"limit": limit} if limit else {}
    marks = _marks(
        "text", _POINT, ("text", "text:N"), align=align, baseline="alphabetic", color=color, fontSize=size,
        fontWeight="bold" if bold else "normal", aria=False, **limited,
    )  # fmt: skip
    return Layer(marks, records)


def _safe(records: Records) -> Records:
    """Every text made visible and harmless; what no drawing can show whole is cut, and says so."""
    return [
        {
            key: clean_text(value, longest=_LONGEST) if isinstance(value, str) else value
            for key, value in one.items()
        }
        for one in records
    ]


def draw(
    layers: Sequence[Layer],
    width: int,
    height: int,
    name: str,
    title: str,
    description: str,
    keys: Sequence[str] = (),
) -> Markup:
    """The layers as one ``<svg>``, ``width`` x ``height`` units, for a page.

    ``name`` begins every id in it; ``title`` and ``description`` are what a screen reader says. A rectangle whose
    key is ``unit:3`` gets ``data-unit`` = ``keys[3]``, by which the page finds the reader's own unit.
    """
    spec = {
        "$schema": alt.SCHEMA_URL,
        "width": width,
        "height": height,
        "autosize": "none",
        "padding": 0,
        "background": "transparent",
        "config": {"font": _MEASURED_FONT, "view": {"stroke": None}},
        "layer": [
            {**layer.marks, "data": {"values": _safe(layer.records)}} for layer in layers if layer.records
        ],
    }
    svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    # S314: the XML is vl-convert's own, of text that clean_text has been over; it has no DOCTYPE and no entities.
    root = ElementTree.fromstring(svg)  # noqa: S314
    _simplify(root, name, keys)
    for tag, text in (("desc", description), ("title", title)):
        node = ElementTree.Element(tag, {"id": f"{name}-{tag}"})
        node.text = clean_text(text, longest=2000)
        root.insert(0, node)
    root.attrib.clear()
    root.attrib |= {
        "viewBox": f"0 0 {width} {height}",
        "role": "img",
        "aria-labelledby": f"{name}-title {name}-desc",
        "width": str(width),
        "height": str(height),
    }
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704 — serialised, hence escaped


def _simplify(root: ElementTree.Element, name: str, keys: Sequence[str]) -> None:
    """Drop what only Vega needs, shorten numbers, give ids that no other chart of the page has."""
    _prune(root)
    renamed: dict[str, str] = {}
    for node, count in zip(root.iter(), itertools.count()):
        node.tag = node.tag.removeprefix(_SVG)
        label = node.attrib.get("aria-label", "")
        for attribute in [a for a in node.attrib if a in _DROPPED or a.startswith("aria-")]:
            del node.attrib[attribute]
        if label.startswith(_KEYED):
            node.set("data-unit", clean_text(keys[int(label.removeprefix(_KEYED))], longest=4000))
        if "id" in node.attrib:
            renamed[node.attrib["id"]] = f"{name}-{count}"
            node.set("id", renamed[node.attrib["id"]])
        for attribute, value in node.attrib.items():
            if attribute not in ("data-unit", "id"):
                node.set(attribute, _LONG_DECIMAL.sub(lambda found: f"{float(found[0]):.2f}", value))
    for node in root.iter():
        for attribute, value in node.attrib.items():
            if value.startswith("url(#") and (old := value[5:-1]) in renamed:
                node.set(attribute, f"url(#{renamed[old]})")


def _prune(node: ElementTree.Element) -> None:
    """Remove what is not shown: Vega's empty frames, and the background rectangle."""
    for child in list(node):
        _prune(child)
        tag = child.tag.removeprefix(_SVG)
        invisible = child.get("display") == "none" or child.get("class") == "background"
        empty_group = tag in ("g", "defs") and len(child) == 0
        backdrop = tag == "rect" and child.get("fill") == "transparent"
        if invisible or empty_group or backdrop:
            node.remove(child)
