"""A release: the documents of one set of duties for one report period, rendered from one state of the warehouse."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import psycopg

from etl import __version__
from etl.deliver.appendix import render_appendix
from etl.deliver.correction import render_correction
from etl.deliver.digitization import render_digitization
from etl.deliver.letter import render_letter
from etl.deliver.open_data import render_open_data
from etl.deliver.page import render_page
from etl.deliver.quality_sheet import render_quality_sheet
from etl.deliver.report import Report
from etl.deliver.report_load import Wanted, load_report, load_window, snapshots_behind
from etl.deliver.sheet_conventions import WorkbookStyle, load_workbook_style
from etl.errors import ReportNotReady, Terminal
from etl.sources.digitization_form.layouts import load_templates, template_in_force

MANIFEST = "manifest.json"
MEDIA_TYPES = {
    ".csv": "text/csv",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".html": "text/html",
    ".json": "application/json",
    ".md": "text/markdown",
    ".txt": "text/plain",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True)
class RenderedFile:
    """One document. ``path`` is below the release's folder; ``duty`` is None for what belongs to the whole set."""

    path: str
    content: bytes
    duty: str | None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES.get(PurePosixPath(self.path).suffix, "application/octet-stream")


@dataclass(frozen=True)
class Rendered:
    """The documents of a set, the snapshots behind them, and one hash over all of it (``content_sha256``)."""

    files: tuple[RenderedFile, ...]
    snapshots: tuple[str, ...]

    @property
    def content_sha256(self) -> str:
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(f"{file.path}\0{file.sha256}\n".encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class Materials:
    """What an office may give of its own: forms, letter templates, recommendations, conventions. None: as shipped."""

    forms_dir: Path | None = None
    letter_template: Path | None = None
    letter_rules: Path | None = None
    correction_template: Path | None = None
    workbook_style: Path | None = None

    @classmethod
    def of_home(cls, home: Path, forms_dir: Path, letter_dir: Path) -> Materials:
        """What lies in an installation's home folder."""

        def own(path: Path) -> Path | None:
            return path if path.is_file() else None

        return cls(
            forms_dir=forms_dir,
            letter_template=own(letter_dir / "mau-bao-cao.docx"),
            letter_rules=own(letter_dir / "kien-nghi.yml"),
            correction_template=own(letter_dir / "mau-dinh-chinh.docx"),
            workbook_style=own(home / "workbook.yml"),
        )

    @property
    def style(self) -> WorkbookStyle:
        return load_workbook_style(self.workbook_style)


def render_set(
    connection: psycopg.Connection[Any],
    wanted: Wanted,
    products: Mapping[str, str],
    materials: Materials,
    *,
    number: int = 0,
) -> Rendered:
    """Render products (duty id -> product of duties.yml) of one report period; the transaction says as of when.

    ``number`` is the release's own, named where it corrects an earlier one; nothing else depends on it.

    Raises ReportNotReady where an input that a product cannot do without is not there.
    """
    files: list[RenderedFile] = []
    report = None
    if set(products.values()) - {"digitization_form"}:
        report = load_report(connection, wanted)
    for duty, product in products.items():
        files += _render(connection, wanted, duty, product, report, materials)
    if report is not None:
        files.append(
            RenderedFile(f"phieu-chat-luong-{wanted.period.id}.html", render_quality_sheet(report), None)
        )
        if report.earlier is not None:
            content = render_correction(report, number=number, template=materials.correction_template)
            files.append(RenderedFile(f"dinh-chinh-{wanted.period.id}.docx", content, None))
    digitization = (
        report.digitization if report else load_window(connection, wanted.province_code, wanted.window)
    )
    periods = [point.period for point in report.trend] if report else []
    if report is None and wanted.portal_period is not None:
        periods = [wanted.portal_period]
    snapshots = snapshots_behind(connection, wanted.province_code, periods, digitization)
    return Rendered(tuple(sorted(files, key=lambda file: file.path)), snapshots)


def _render(
    connection: psycopg.Connection[Any],
    wanted: Wanted,
    duty: str,
    product: str,
    report: Report | None,
    materials: Materials,
) -> list[RenderedFile]:
    period = wanted.period.id
    if product == "digitization_form":
        data = load_window(connection, wanted.province_code, wanted.window)
        if data is None:
            raise ReportNotReady(
                f"there are no digitization figures of {period} for {wanted.province_code}",
                "hand in the form or the dossier list of these days, then build the release again",
            )
        template = template_in_force(wanted.window.last, load_templates(materials.forms_dir))
        return [
            RenderedFile(
                f"bieu-so-hoa-{period}.xlsx",
                render_digitization(data, wanted.names, template, style=materials.style),
                duty,
            )
        ]
    if report is None:
        raise Terminal(f"'{product}' needs a report", "this is a fault of the program: please report it")
    if product == "report_letter":
        content = render_letter(
            report, template=materials.letter_template, rules=materials.letter_rules, style=materials.style
        )
        return [RenderedFile(f"bao-cao-{period}.docx", content, duty)]
    if product == "appendix_workbook":
        return [
            RenderedFile(
                f"phu-luc-{period}.xlsx",
                render_appendix(report.indicators, wanted.names, style=materials.style),
                duty,
            )
        ]
    if product == "publication_copy":
        page = RenderedFile(f"cong-khai-{period}.html", render_page(report, style=materials.style), duty)
        data_files = [
            RenderedFile(f"du-lieu-mo/{name}", content, duty)
            for name, content in render_open_data(report).items()
        ]
        return [page, *data_files]
    raise Terminal(f"nothing makes the product '{product}' of duty {duty}", "correct product in duties.yml")


def manifest(
    wanted: Wanted,
    number: int,
    release_set: str,
    duties: Sequence[str],
    rendered: Rendered,
    publication_no: int,
) -> bytes:
    """``manifest.json``: what the release is, every file with its hash, and the snapshots its numbers come from."""
    document = {
        "province": wanted.province_code,
        "period": wanted.period.id,
        "portal_period": wanted.portal_period.id if wanted.portal_period else None,
        "release_no": number,
        "release_set": release_set,
        "duties": list(duties),
        "stage": wanted.stage,
        "window": [wanted.window.first.isoformat(), wanted.window.last.isoformat()],
        "gaps_vi": list(wanted.gaps),
        "corrects_release_no": wanted.earlier[0] if wanted.earlier else None,
        "publication_no": publication_no,
        "snapshots": list(rendered.snapshots),
        "software": f"bochiso {__version__}",
        "files": [
            {
                "path": file.path,
                "duty": file.duty,
                "media_type": file.media_type,
                "bytes": len(file.content),
                "sha256": file.sha256,
            }
            for file in rendered.files
        ],
    }
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()


def write_folder(folder: Path, files: Mapping[str, bytes], *, replace: bool = False) -> None:
    """Write files below ``folder``, which appears whole or not at all, and lie on the disk when this returns.

    A folder that is there already must hold the same; with ``replace`` it gives way (a draft of which the ledger
    knows nothing: its builder died before it could say so). Raises Terminal where the folder holds something else:
    a release is never overwritten.
    """
    if folder.is_dir() and not replace:
        for name, content in files.items():
            path = folder / name
            if not path.is_file() or path.read_bytes() != content:
                raise Terminal(
                    f"{path} is not what the release says",
                    "move the folder away, then try again: releases never change",
                )
        return
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    for name, content in files.items():
        path = part / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
    if folder.is_dir():
        shutil.rmtree(folder)
    part.replace(folder)
