"""A workbook's parts, looked at one by one before any parser: what it is, what it must not hold, its sheets."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from etl.errors import FileRefused
from etl.inbox.inspected import SheetFacts
from etl.inbox.limits import Limits
from etl.inbox.refusals import refusal, shown
from etl.inbox.sheet_scan import FastScan, Irregular, slow_scan
from etl.inbox.sheet_tally import Tally
from etl.inbox.xml_bytes import Attributes, local, utf8, walk, with_head, without_doctype
from etl.inbox.zip_members import Container, Member

_TYPES, _WORKBOOK, _BINARY_WORKBOOK = "[content_types].xml", "xl/workbook.xml", "xl/workbook.bin"
_WORKBOOK_RELATIONS = "xl/_rels/workbook.xml.rels"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_XML_NAMES = (".xml", ".rels", ".vml")
_XML_HEADS = (b"<", b"\xef\xbb\xbf<", b"<\0", b"\0<", b"\xff\xfe<\0", b"\xfe\xff\0<")
_SHEET_ROOT = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?(worksheet|macrosheet|dialogsheet|chartsheet)[\s>/]")
_SHEET_ROOT_WITHIN = 4_096
# What part names, content types and relationships give away; each program follows another of the three.
_MEMBERS = (
    (re.compile(r"(^|/)vbaproject\w*\.bin$|^xl/(macrosheets|dialogsheets)/"), "guard.macros"),
    (re.compile(r"^xl/(connections\.xml$|querytables/)"), "guard.external_link"),
    (re.compile(r"(^|/)(embeddings|activex|webextensions)/"), "guard.embedded_object"),
)
_CONTENT_TYPES = (
    (re.compile(r"macro|vbaproject|intlmacrosheet|dialogsheet"), "guard.macros"),
    (re.compile(r"externallink|connections\+xml|querytable"), "guard.external_link"),
    (re.compile(r"oleobject|activex|webextension"), "guard.embedded_object"),
)
_RELATIONS = (
    (
        re.compile(r"/(vbaproject|wordvbadata|xlmacrosheet|xlintlmacrosheet|attachedtoolbars|dialogsheet)$"),
        "guard.macros",
    ),
    (re.compile(r"/(externallink\w*|xlpathmissing|connections|querytable)$"), "guard.external_link"),
    (
        re.compile(r"/(oleobject|package|control|activexcontrolbinary|webextension\w*)$"),
        "guard.embedded_object",
    ),
)


@dataclass
class _Workbook:
    """xl/workbook.xml: sheets in their order as (name, relationship, visible)."""

    sheets: list[tuple[str, str, bool]] = field(default_factory=list)
    recalculates: bool = False


def refuse_other_kinds(container: Container) -> None:
    """Raise FileRefused unless the archive is a workbook as .xlsx: guard.ods, xlsb, template, macros, archive …"""
    members = container.members
    if "mimetype" in members and _TYPES not in members:
        kind = b"".join(container.stream(members["mimetype"]))[:200]
        raise refusal("guard.ods" if b"opendocument.spreadsheet" in kind else "guard.office_document")
    if _TYPES not in members:
        raise refusal("guard.archive")
    if _BINARY_WORKBOOK in members:
        raise refusal("guard.xlsb")
    if _WORKBOOK not in members:
        raise refusal("guard.office_document")
    # Links of the DDE kind stand among the external links; they have a sentence of their own.
    for member in members.values():
        if member.key.startswith("xl/externallinks/") and member.key.endswith(".xml"):
            raise _external_link(container, member)
    for pattern, rule in _MEMBERS:
        for member in members.values():
            if pattern.search(member.key):
                raise refusal(rule, member=shown(member.name))
    _check_content_types(container, members[_TYPES])


def inspect_workbook(container: Container, limits: Limits) -> tuple[tuple[SheetFacts, ...], bool]:
    """Look at every part. Returns the sheets in their order, and whether Excel is asked to calculate.

    Raises FileRefused: entities, xml_encoding, external_link, embedded_object, macros, dde, extent,
    merged_ranges, cell_too_long, zip_lying, zip_nested, damaged (all ``guard.``).
    """
    for member in container.members.values():
        if member.key.endswith(".rels"):
            _check_relations(container, member)
    workbook = _read_workbook(container)
    paths = _sheet_paths(container, workbook)
    facts: dict[str, SheetFacts] = {}
    for member in container.members.values():
        listed = paths.get(member.key)
        found = _inspect_part(container, member, listed, limits)
        if listed is not None:
            facts[listed[0]] = found or SheetFacts(listed[0], listed[1], 0, 0)
    return tuple(facts[name] for name, _, _ in workbook.sheets), workbook.recalculates


def _check_content_types(container: Container, member: Member) -> None:
    types: dict[str, str] = {}

    def start(name: str, attributes: Attributes) -> None:
        if local(name) in ("Override", "Default"):
            key = attributes.get("PartName", "").lstrip("/") or f"*.{attributes.get('Extension', '')}"
            types[key.casefold()] = attributes.get("ContentType", "").casefold()

    walk(member.name, _xml(container, member), start)
    main = types.get(_WORKBOOK, types.get("*.xml", ""))
    if "template" in main and "macro" not in main:
        raise refusal("guard.template")
    for part, kind in types.items():
        # A default for an extension announces what may come; what has come is judged part by part.
        if part.startswith("*.") and part != "*.bin":
            continue
        for pattern, rule in _CONTENT_TYPES:
            if pattern.search(kind) and (not part.startswith("*.") or "vbaproject" not in kind):
                raise refusal(rule, member=shown(part))


def _check_relations(container: Container, member: Member) -> None:
    def start(name: str, attributes: Attributes) -> None:
        if local(name) != "Relationship":
            return
        kind = attributes.get("Type", "").casefold()
        for pattern, rule in _RELATIONS:
            if pattern.search(kind):
                raise refusal(rule, member=shown(member.name))
        # A hyperlink only leads somewhere when a person clicks; anything else outside is fetched.
        if attributes.get("TargetMode", "").casefold() == "external" and not kind.endswith("/hyperlink"):
            raise refusal("guard.external_link", member=shown(member.name))

    walk(member.name, _xml(container, member), start)


def _external_link(container: Container, member: Member) -> FileRefused:
    found: set[str] = set()
    walk(member.name, _xml(container, member), lambda name, _: found.add(local(name)))
    if "ddeLink" in found:
        where = shown(member.name)
        return refusal("guard.dde", locator=where, where=(f"part {where}", f"Phần {where}"))
    return refusal("guard.external_link", member=shown(member.name))


def _read_workbook(container: Container) -> _Workbook:
    workbook = _Workbook()

    def start(name: str, attributes: Attributes) -> None:
        if local(name) == "sheet":
            relation = next((value for key, value in attributes.items() if key.endswith(":id")), "")
            visible = attributes.get("state", "visible") == "visible"
            workbook.sheets.append((attributes.get("name", ""), relation, visible))
        elif local(name) == "calcPr":
            workbook.recalculates = attributes.get("fullCalcOnLoad") in ("1", "true")

    walk(_WORKBOOK, _xml(container, container.members[_WORKBOOK]), start)
    names = [name.casefold() for name, _, _ in workbook.sheets]
    if not names or "" in names or len(set(names)) < len(names):
        raise _damaged("sheets without a name of their own", "có trang tính không tên hoặc trùng tên")
    return workbook


def _sheet_paths(container: Container, workbook: _Workbook) -> dict[str, tuple[str, bool]]:
    """Where each sheet's XML stands: member key -> (name, visible)."""
    targets: dict[str, str] = {}

    def start(name: str, attributes: Attributes) -> None:
        if local(name) == "Relationship":
            targets[attributes.get("Id", "")] = attributes.get("Target", "")

    relations = container.members.get(_WORKBOOK_RELATIONS)
    if relations is None:
        raise _damaged("the list of its sheets is missing", "thiếu danh mục trang tính")
    walk(relations.name, _xml(container, relations), start)
    paths: dict[str, tuple[str, bool]] = {}
    for name, relation, visible in workbook.sheets:
        target = targets.get(relation, "").lstrip("/")
        path = target if target.casefold().startswith("xl/") else posixpath.normpath(f"xl/{target}")
        if path.casefold() not in container.members or path.casefold() in paths:
            raise _damaged(f"sheet {shown(name)} is missing", f"thiếu trang {shown(name)}")
        paths[path.casefold()] = (name, visible)
    return paths


def _inspect_part(
    container: Container, member: Member, listed: tuple[str, bool] | None, limits: Limits
) -> SheetFacts | None:
    """Unpack a part to its end; XML is held to its rules, a worksheet is measured."""
    head, chunks = with_head(container.stream(member))
    if head.startswith(_OLE):
        raise refusal("guard.embedded_object", member=shown(member.name))
    if not (listed or member.key.endswith(_XML_NAMES) or head.startswith(_XML_HEADS)):
        for _ in chunks:  # to its end: sizes and checksum are judged there
            continue
        return None
    text_head, texts = with_head(utf8(member.name, chunks))
    root = _SHEET_ROOT.search(text_head[:_SHEET_ROOT_WITHIN])
    kind = root[1] if root else b""
    if kind in (b"macrosheet", b"dialogsheet"):
        raise refusal("guard.macros", member=shown(member.name))
    if kind == b"worksheet" or (listed and kind != b"chartsheet"):
        name, visible = listed or (member.name, False)
        return _measure(container, member, name, texts, limits).facts(visible)
    for _ in without_doctype(member.name, texts):
        continue
    return None


def _measure(
    container: Container, member: Member, name: str, texts: Iterator[bytes], limits: Limits
) -> Tally:
    tally = Tally(name, limits)
    scan = FastScan(tally)
    try:
        for text in texts:
            scan.feed(text)
        scan.done()
    except Irregular:
        tally = Tally(name, limits)
        slow_scan(member.name, _xml(container, member), tally)
    return tally


def _xml(container: Container, member: Member) -> Iterator[bytes]:
    return utf8(member.name, container.stream(member))


def _damaged(english: str, vietnamese: str) -> FileRefused:
    return refusal("guard.damaged", detail=(english, vietnamese))
