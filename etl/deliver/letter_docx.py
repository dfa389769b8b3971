"""From a Word template to the bytes of a document that can be signed and sent.

The office may edit the templates in Word, so a template is input like any other: it is rendered in Jinja's sandbox,
with every value escaped and every unknown name refused, and what comes out is looked at before it leaves: no link,
macro, embedded object, outside reference or field other than the page number, and no name of who edited the template.
The same template and values give the same bytes.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

from docxtpl import DocxTemplate  # type: ignore[import-untyped]
from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from lxml import etree  # type: ignore[import-untyped]

from etl.deliver.sheet_text import clean_text
from etl.errors import Terminal

# The shipped templates unpack to 0.2 MB; a coat of arms as a picture adds some. More is no template.
LARGEST_TEMPLATE_BYTES = 20_000_000
# Line and paragraph separators break a line in some programs and not in others.
_SEPARATORS = re.compile("(?:\r\n|[\n\u2028\u2029])+")
# The earliest moment a zip entry can carry; it says "not recorded".
_NO_DATE = (1980, 1, 1, 0, 0, 0)
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_RELATIONSHIPS = "{http://schemas.openxmlformats.org/package/2006/relationships}"
_CONTENT_TYPES = "{http://schemas.openxmlformats.org/package/2006/content-types}"
# Word's note of the .dotx a document was made from: a path on the editor's machine, of no use to the reader.
_LEFT_OUT_RELATIONS = ("attachedTemplate", "thumbnail", "custom-properties", "people")
_LEFT_OUT_PARTS = re.compile(r"docProps/(custom\.xml|thumbnail\.\w+)|word/people\.xml")
_FORBIDDEN_PARTS = re.compile(
    r"vbaProject|vbaData|/embeddings/|/activeX/|afchunk|comments\w*\.xml|/glossary/", re.I
)
_ALLOWED_FIELD = re.compile(r"\s*PAGE(\s+\\\*\s*(MERGEFORMAT|Arabic))*\s*")
# Elements that fetch, run or reveal something; tracked changes carry the editor's name and the time.
_FORBIDDEN_ELEMENTS = {
    "hyperlink": "a link",
    "object": "an embedded object",
    "altChunk": "an inserted file",
    "subDoc": "an inserted file",
    "ins": "a tracked change",
    "del": "a tracked change",
    "moveFrom": "a tracked change",
    "moveTo": "a tracked change",
    "rPrChange": "a tracked change",
    "pPrChange": "a tracked change",
    "commentReference": "a comment",
}
_APPLICATION = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    b'<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/extended-properties">'
    b"<Application>bochiso</Application></Properties>"
)


@dataclass(frozen=True)
class Properties:
    """What a document says of itself: title, the office as creator, and the figures' time (aware)."""

    title: str
    creator: str
    at: datetime


def plain_text(text: str, *, longest: int = 160) -> str:
    """``text`` on one line and fit for a document: control characters and direction overrides shown, not obeyed.

    Longer than ``longest`` characters is cut, and says so.
    """
    return _SEPARATORS.sub(" ", clean_text(_SEPARATORS.sub(" ", text), longest=longest)).strip()


def render_docx(template: Path, values: Mapping[str, object], properties: Properties) -> bytes:
    """The document of a template and its values (text, or lists and mappings of text).

    Raises Terminal where the template cannot be read, names a value that does not exist, has a broken
    instruction, or holds something no outgoing document may hold.
    """
    content = _read(template)
    document = _StrictTemplate(io.BytesIO(content))
    environment = ImmutableSandboxedEnvironment(autoescape=True, undefined=StrictUndefined)
    try:
        document.render(dict(values), environment, autoescape=True)
        saved = io.BytesIO()
        document.save(saved)
    except TemplateError as error:
        raise _broken(template, _place(error)) from error
    except (etree.XMLSyntaxError, ValueError, KeyError, AttributeError, TypeError, IndexError) as error:
        # What python-docx and lxml raise for a package that is a zip but no Word document, or whose
        # instructions stand across paragraphs so that the result is no document.
        raise _broken(template, f"{type(error).__name__}: {error}") from error
    return sealed(saved.getvalue(), properties, template)


class _StrictTemplate(DocxTemplate):  # type: ignore[misc]
    def fix_tables(self, xml: str) -> etree._Element:
        etree.fromstring(xml)  # the base class mends broken XML silently, and loses text
        return super().fix_tables(xml)

    def render_properties(self, context: object, jinja_env: object = None) -> None:
        """The properties are written anew by ``sealed``."""


def _read(template: Path) -> bytes:
    try:
        content = template.read_bytes()
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            size = sum(entry.file_size for entry in package.infolist())
            document = "word/document.xml" in package.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise _broken(template, str(error)) from error
    if not document:
        raise _broken(template, "it is no .docx document")
    if size > LARGEST_TEMPLATE_BYTES:
        raise _broken(template, f"it unpacks to {size:,} bytes, more than {LARGEST_TEMPLATE_BYTES:,}")
    return content


def _broken(template: Path, what: str) -> Terminal:
    return Terminal(
        f"the document template {template.name} cannot be used: {what}",
        f"mend {template} in Word (its names are listed in etl/deliver/letter/README.md), or take the shipped "
        "template again",
    )


def _place(error: TemplateError) -> str:
    """What is wrong and, where Jinja knows, the words around it."""
    around = " / ".join(line.strip() for line in getattr(error, "docx_context", ()) if line.strip())
    return f"{error.message or type(error).__name__}" + (f" near '{around[:200]}'" if around else "")


def sealed(content: bytes, properties: Properties, template: Path) -> bytes:
    """A Word package without anything active and without a trace of when, where and by whom.

    ``template`` is named where something must be taken out of it. Raises Terminal then.
    """
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as target,
    ):
        names = set(source.namelist()) | {"docProps/core.xml", "docProps/app.xml"}
        for name in sorted(names, key=lambda one: (one != "[Content_Types].xml", one)):
            if _LEFT_OUT_PARTS.fullmatch(name):
                continue
            if _FORBIDDEN_PARTS.search(name):
                raise _must_go(template, f"'{name}' (a macro, an embedded object or a comment)")
            if name == "docProps/core.xml":
                part = _core_properties(properties)
            elif name == "docProps/app.xml":
                part = _APPLICATION
            elif name == "[Content_Types].xml":
                part = _content_types(source.read(name))
            elif name.endswith(".rels"):
                part = _relations(source.read(name), template)
            else:
                part = source.read(name)
                if name.startswith("word/") and name.endswith(".xml"):
                    part = _looked_at(part, name, template)
            # Stored, not deflated: two zlib builds may pack the same bytes differently.
            entry = zipfile.ZipInfo(name, _NO_DATE)
            entry.create_system = 0  # else the operating system's number is written
            entry.external_attr = 0
            target.writestr(entry, part)
    return out.getvalue()


def _core_properties(properties: Properties) -> bytes:
    moment = properties.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    stamps = "".join(
        f'<dcterms:{word} xsi:type="dcterms:W3CDTF">{moment}</dcterms:{word}>'
        for word in ("created", "modified")
    )
    title, creator = (
        escape(plain_text(text, longest=300)) for text in (properties.title, properties.creator)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<dc:title>{title}</dc:title><dc:creator>{creator}</dc:creator>"
        f"<dc:language>vi-VN</dc:language>{stamps}</cp:coreProperties>"
    ).encode()


def _must_go(template: Path, what: str) -> Terminal:
    return Terminal(
        f"the document template {template.name} holds {what}; no outgoing document may",
        f"open {template} in Word: accept all changes, delete comments, links, macros and inserted objects, and save",
    )


def _content_types(part: bytes) -> bytes:
    root = etree.fromstring(part)
    for entry in root.findall(f"{_CONTENT_TYPES}Override"):
        if _LEFT_OUT_PARTS.fullmatch(entry.get("PartName", "").lstrip("/")):
            root.remove(entry)
    return _xml(root)


def _relations(part: bytes, template: Path) -> bytes:
    root = etree.fromstring(part)
    for relation in root.findall(f"{_RELATIONSHIPS}Relationship"):
        if relation.get("Type", "").rsplit("/", 1)[-1] in _LEFT_OUT_RELATIONS:
            root.remove(relation)
        elif relation.get("TargetMode") == "External":
            raise _must_go(template, f"a reference to '{relation.get('Target')}' outside the document")
    return _xml(root)


def _looked_at(part: bytes, name: str, template: Path) -> bytes:
    root = etree.fromstring(part)
    for element in root.iter(f"{{{_WORD}}}*"):
        word = etree.QName(element).localname
        if word in _FORBIDDEN_ELEMENTS:
            raise _must_go(template, _FORBIDDEN_ELEMENTS[word])
        if word == "fldSimple":
            _check_field(element.get(f"{{{_WORD}}}instr", ""), template)
        elif word == "fldChar" and element.get(f"{{{_WORD}}}fldCharType") == "begin":
            # Word may spread one instruction over several runs; the paragraph's are read as one.
            paragraph = next(element.iterancestors(f"{{{_WORD}}}p"))
            _check_field("".join(paragraph.itertext(f"{{{_WORD}}}instrText")), template)
        elif word == "instrText" and next(element.iterancestors(f"{{{_WORD}}}p"), None) is None:
            raise _must_go(template, "a field outside a paragraph")
    if name == "word/settings.xml":
        for word in ("attachedTemplate", "rsids", "docVars", "mailMerge"):
            for element in root.findall(f"{{{_WORD}}}{word}"):
                root.remove(element)
        return _xml(root)
    return part


def _check_field(instruction: str, template: Path) -> None:
    if not _ALLOWED_FIELD.fullmatch(instruction):
        raise _must_go(template, f"the field '{instruction.strip()[:80]}' (only PAGE may stand)")


def _xml(root: etree._Element) -> bytes:
    content: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
    return content
