"""What a release could do besides being read: whatever in its files would run, fetch, link or turn text around."""

from __future__ import annotations

import csv
import io
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import docx
import openpyxl
from deliverables.page_reading import parsed

_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")


def bare(name: str) -> str:
    """A name without what formats add to make it harmless: an apostrophe before, marks spelt out."""
    return re.sub(r"\[U\+[0-9A-F]{4}\]|'", "", _TURNING.sub("", name))


@dataclass(frozen=True)
class Release:
    """The two folders of a report period's release: the form, and all the rest."""

    period: str
    form: Path
    report: Path

    def copied(self, folder: Path) -> Release:
        form, report = (shutil.copytree(one, folder / one.name) for one in (self.form, self.report))
        return Release(self.period, form, report)


def _files(release: Release) -> Iterator[Path]:
    for folder in (release.form, release.report):
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file())


def active(release: Release) -> list[str]:
    """Whatever in a release could run, fetch, link or turn text around."""
    found = []
    for path in _files(release):
        if path.suffix in (".xlsx", ".docx"):
            with zipfile.ZipFile(path) as package:
                parts = {name: package.read(name).decode("utf-8", "replace") for name in package.namelist()}
            found += [f"{path.name}: {what}" for what in _active_parts(parts)]
        elif path.suffix == ".html":
            found += [f"{path.name}: {what}" for what in _active_elements(path)]
        elif path.suffix == ".csv":
            for row in csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")):
                found += [
                    f"{path.name}: a cell begins {cell[:10]}"
                    for cell in row
                    if cell[:1] in tuple("=+-@\t\r") and not re.fullmatch(r"-?\d+(\.\d+)?", cell)
                ]
        if path.suffix not in (".xlsx", ".docx") and _TURNING.search(path.read_text(encoding="utf-8")):
            found.append(f"{path.name}: a direction mark")
    return found


def _active_parts(parts: Mapping[str, str]) -> Iterator[str]:
    for name, text in parts.items():
        yield from (f"a formula in {cell}" for cell in re.findall(r'<c r="([A-Z]+\d+)"[^>]*><f[ >]', text))
        if re.search(r"vbaProject|embeddings/|activeX|externalLink|comments", name):
            yield f"the part {name}"
        if 'TargetMode="External"' in text:
            yield "a reference outside"
        if _TURNING.search(text):
            yield "a direction mark"
        for word in re.findall(r"<w:(hyperlink|object|altChunk)[ >]", text):
            yield f"<w:{word}>"
        for told in re.findall(r"<w:instrText[^>]*>([^<]*)<|<w:fldSimple [^>]*instr=\"([^\"]*)\"", text):
            if "".join(told).split()[:1] not in ([], ["PAGE"]):
                yield f"the field {''.join(told)}"


def _active_elements(path: Path) -> Iterator[str]:
    scripts = 0
    for node in parsed(path.read_text(encoding="utf-8")).every():
        scripts += node.tag == "script"
        if node.tag in ("img", "iframe", "object", "embed", "form", "base", "video", "audio"):
            yield f"<{node.tag}>"
        for name, value in node.attributes.items():
            if name.startswith("on"):
                yield f"{name} in <{node.tag}>"
            if name in ("href", "xlink:href") and not value.startswith(("#", "data:,")):
                yield f"a link to {value}"
    if scripts > 1:
        yield f"{scripts} scripts"


def text_of(release: Release) -> dict[str, str]:
    """File → the text a reader sees, bare."""
    shown: dict[str, str] = {}
    for path in _files(release):
        match path.suffix:
            case ".xlsx":
                cells = (
                    cell.value
                    for sheet in openpyxl.load_workbook(path)
                    for row in sheet.iter_rows()
                    for cell in row
                )
                text = "\n".join(cell for cell in cells if isinstance(cell, str))
            case ".docx":
                text = "\n".join(one.text for one in docx.Document(str(path)).paragraphs)
            case ".html":
                text = parsed(path.read_text(encoding="utf-8")).text
            case ".csv":
                rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""))
                text = "\n".join(cell for row in rows for cell in row)
            case _:
                text = path.read_text(encoding="utf-8")
        shown[path.name] = bare(text)
    return shown
