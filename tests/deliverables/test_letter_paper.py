"""The report letter on paper: Decree 30/2020's layout, the same bytes, and data that stays text."""

from __future__ import annotations

import dataclasses
import io
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import docx
import pytest
from docx.enum.text import WD_ALIGN_PARAGRAPH as ALIGN
from docx.oxml.ns import qn
from docx.shared import Pt
from lxml import etree
from report_cases import HOSTILE_NAMES, earlier_release, hostile_report, report
from test_letter import CASES, opened, text_of, words

from etl.deliver.correction import render_correction
from etl.deliver.letter import render_letter
from etl.deliver.letter_docx import plain_text

# ------------------------------------------------------------------ layout


def test_page_margins_and_the_page_number_rule() -> None:
    section = opened(report()).sections[0]
    assert (round(section.page_width.mm), round(section.page_height.mm)) == (210, 297)
    assert [
        round(m.mm)
        for m in (section.top_margin, section.bottom_margin, section.left_margin, section.right_margin)
    ] == [20, 20, 30, 15]
    assert section.different_first_page_header_footer
    number, first = section.header.paragraphs[0], section.first_page_header.paragraphs[0]
    assert number.alignment == ALIGN.CENTER
    assert "".join(number._p.itertext(qn("w:instrText"))).strip() == "PAGE"
    assert not list(first._p.iter(qn("w:instrText")))
    assert first.text == ""


def paragraph(document: docx.document.Document, text: str) -> docx.text.paragraph.Paragraph:
    every = [
        *document.paragraphs,
        *(p for t in document.tables for row in t.rows for c in row.cells for p in c.paragraphs),
    ]
    return next(p for p in every if p.text.strip().startswith(text))


def test_fonts_and_paragraphs_are_the_decrees() -> None:
    document = opened(report())
    fonts = {
        node.get(qn(f"w:{kind}"))
        for part in (document.element, document.styles.element)
        for node in part.iter(qn("w:rFonts"))
        for kind in ("ascii", "hAnsi", "cs", "eastAsia")
    }
    assert fonts - {None} == {"Times New Roman"}
    assert not [n for n in document.styles.element.iter(qn("w:rFonts")) if n.get(qn("w:asciiTheme"))]
    assert document.styles["Normal"].font.size == Pt(13)
    national, motto = paragraph(document, "CỘNG HÒA"), paragraph(document, "Độc lập")
    assert (national.runs[0].font.size, national.runs[0].bold, motto.runs[0].font.size, motto.runs[0].bold) == (
        Pt(12), True, Pt(13), True,
    )  # fmt: skip
    place, receivers = paragraph(document, "Phú Thọ, ngày"), paragraph(document, "Nơi nhận:")
    assert place.runs[0].italic
    assert (receivers.runs[0].font.size, receivers.runs[0].bold, receivers.runs[0].italic) == (
        Pt(12),
        True,
        True,
    )
    assert paragraph(document, "- Như trên;").runs[0].font.size == Pt(11)
    body = document.styles["Noi dung"].paragraph_format
    assert body.alignment == ALIGN.JUSTIFY
    assert 10 <= body.first_line_indent.mm <= 12.7
    assert body.space_after == Pt(6)


def test_number_date_and_signature_stay_blank() -> None:
    document = opened(report())
    assert re.fullmatch(r"Số:\s+/BC-VP", paragraph(document, "Số:").text)
    assert re.fullmatch(r"Phú Thọ, ngày\s+tháng\s+năm 2026", paragraph(document, "Phú Thọ, ngày").text)
    signer = document.tables[-1].cell(0, 1)
    assert [p.text for p in signer.paragraphs] == ["CHÁNH VĂN PHÒNG", "", "", "", ""]
    text = text_of(report())
    assert text.index("xem xét, chỉ đạo./.") < text.index("Nơi nhận:")


def test_places_are_named_as_the_decree_writes_them() -> None:
    def place(province: str) -> str:
        names = dataclasses.replace(report().names, province=province, office=f"Văn phòng UBND {province}")
        of = report(names=names)
        document = opened(of)
        assert paragraph(document, "VĂN PHÒNG").text == "VĂN PHÒNG"
        assert paragraph(document, province.upper()).text == province.upper()
        return next(
            p.text for t in document.tables for c in t.rows[1].cells for p in c.paragraphs if "ngày" in p.text
        )

    assert place("tỉnh Bà Rịa - Vũng Tàu").startswith("Bà Rịa - Vũng Tàu, ngày")
    assert place("thành phố Huế").startswith("Huế, ngày")
    assert place("thành phố Hồ Chí Minh").startswith("Thành phố Hồ Chí Minh, ngày")


# ------------------------------------------------------------------ bytes and safety


@pytest.mark.parametrize("name", CASES)
def test_the_same_report_gives_the_same_bytes(name: str) -> None:
    assert render_letter(CASES[name]()) == render_letter(CASES[name]())


def test_properties_are_the_office_and_the_figures_time() -> None:
    content = render_letter(report())
    properties = docx.Document(io.BytesIO(content)).core_properties
    assert properties.author == "Văn phòng UBND tỉnh Phú Thọ"
    assert properties.last_modified_by == ""
    assert properties.created.isoformat() == "2026-09-16T02:14:39+00:00"
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        assert {entry.date_time for entry in package.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert not {
            name for name in package.namelist() if re.search(r"thumbnail|custom|people|comments", name)
        }


def test_hostile_names_stay_text_and_nothing_is_active() -> None:
    for content in (render_letter(hostile_report()), render_correction(hostile_report(), number=2)):
        shown = words(content)
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            parts = {name: package.read(name) for name in package.namelist()}
        instructions = [
            "".join(etree.fromstring(part).itertext(qn("w:instrText")))
            for name, part in parts.items()
            if name.endswith(".xml")
        ]
        assert {one.strip() for one in instructions} == {"", "PAGE"}
        everything = b"".join(parts.values())
        for active in (
            b"<w:hyperlink",
            b"<w:fldSimple",
            b"<w:object",
            b"<w:altChunk",
            b'TargetMode="External"',
            b"vbaProject",
        ):
            assert active not in everything
        assert "{{ 7*7 }} {% for x in y %}{{ x }}{% endfor %} {# bỏ #}" in shown
        assert re.search(r"\[U\+00\d\d\]", shown)
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\u202a-\u202e\u2066-\u2069]", shown)
    shown = text_of(hostile_report())
    for name in HOSTILE_NAMES:  # each stands among the gaps as itself
        assert plain_text(name, longest=500)[:80] in shown


def test_a_very_long_name_is_cut_and_says_so() -> None:
    assert "… (còn" in text_of(hostile_report())


# ------------------------------------------------------------------ on paper


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Mapping[str, bytes]], dict[str, Path]]:
    """LibreOffice with Writer, in a profile of its own: documents by name to PDF files by name."""
    if shutil.which("soffice") is None or shutil.which("pdftotext") is None:
        pytest.skip("LibreOffice (soffice) or pdftotext is not installed")
    folder = tmp_path_factory.mktemp("writer")

    def convert(documents: Mapping[str, bytes]) -> dict[str, Path]:
        for name, content in documents.items():
            (folder / f"{name}.docx").write_bytes(content)
        subprocess.run(
            ["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", "--convert-to", "pdf",
             "--outdir", str(folder), *(str(folder / f"{name}.docx") for name in documents)],
            capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        return {name: folder / f"{name}.pdf" for name in documents}

    plain = io.BytesIO()
    docx.Document().save(plain)
    if not convert({"plain": plain.getvalue()})["plain"].exists():
        pytest.skip("this LibreOffice has no Writer (package libreoffice-writer)")
    return convert


def test_libreoffice_opens_every_letter_and_shows_its_figures(
    writer: Callable[[Mapping[str, bytes]], dict[str, Path]],
) -> None:
    made = {name: render_letter(case()) for name, case in CASES.items()}
    made["correction"] = render_correction(report(earlier=earlier_release(40)), number=2)
    made["hostile-correction"] = render_correction(hostile_report(), number=2)
    pages = {}
    for name, path in writer(made).items():
        assert path.exists(), f"LibreOffice could not open {name}"
        shown = subprocess.run(
            ["pdftotext", "-layout", str(path), "-"], capture_output=True, text=True, check=True
        ).stdout
        sheets = shown.rstrip("\f").split("\f")
        pages[name] = len(sheets)
        for number, sheet in enumerate(sheets, 1):
            first = sheet.strip().split("\n")[0].split()
            assert (first[0] == str(number)) == (number > 1), (name, number, first)
        if name in ("month", "quarter", "year", "sample", "preliminary"):
            flat = " ".join(shown.split())
            assert "66,53/100 điểm" in flat
            assert "50.403" in flat
            assert "./." in flat
    assert pages["month"] <= 3
    assert pages["quarter"] <= 3
    assert pages["year"] <= 3
    assert (pages["correction"], pages["hostile-correction"]) == (1, 1)
