"""The Word templates: the office may edit them; what is broken or may not leave the office is told."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import docx
import pytest
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Pt
from report_cases import earlier_release, report
from test_letter import words

from etl.deliver.correction import CORRECTION_TEMPLATE, render_correction
from etl.deliver.letter import FOLDER, LETTER_TEMPLATE, letter_head, render_letter
from etl.errors import Terminal


def edited(
    folder: Path, change: Callable[[docx.document.Document], None], of: Path = LETTER_TEMPLATE
) -> Path:
    document = docx.Document(str(of))
    change(document)
    path = folder / "mau.docx"
    document.save(str(path))
    return path


def repacked(folder: Path, **parts: bytes | Callable[[bytes], bytes]) -> Path:
    """The shipped template with parts replaced, changed or added; ``/`` in their names is ``__``."""
    wanted = {name.replace("__", "/").replace("_DOT_", "."): part for name, part in parts.items()}
    path = folder / "mau.docx"
    with zipfile.ZipFile(LETTER_TEMPLATE) as source, zipfile.ZipFile(path, "w") as target:
        for name in dict.fromkeys([*source.namelist(), *wanted]):
            part = wanted.get(name)
            target.writestr(
                name,
                source.read(name) if part is None else part(source.read(name)) if callable(part) else part,
            )
    return path


def refused(template: Path) -> Terminal:
    with pytest.raises(Terminal) as found:
        render_letter(report(), template=template)
    assert str(template) in found.value.remedy
    return found.value


def test_an_edited_template_is_used(tmp_path: Path) -> None:
    def change(document: docx.document.Document) -> None:
        document.add_paragraph("Ghi thêm: {{ tinh }}, {{ ky_bao_cao }}, tổng điểm {{ nhom_tong.dat }}.")
        document.core_properties.last_modified_by = "nguyen.van.a"

    content = render_letter(report(), template=edited(tmp_path, change))
    assert "Ghi thêm: tỉnh Phú Thọ, tháng 9/2026, tổng điểm 66,53." in words(content)
    assert b"nguyen.van.a" not in content


def test_a_name_split_by_the_editor_is_still_one(tmp_path: Path) -> None:
    def change(document: docx.document.Document) -> None:
        paragraph = document.add_paragraph("Tỉnh: {{ ti")
        paragraph.add_run("nh }}").font.size = Pt(20)

    assert "Tỉnh: tỉnh Phú Thọ" in words(render_letter(report(), template=edited(tmp_path, change)))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{{ tong_diem }}", "'tong_diem' is undefined"),
        ("{% if dau %}", "cannot be used"),
        ("{{ tinh", "cannot be used"),
        ("{{ ().__class__.__mro__ }}", "cannot be used"),
        ("{{ cycler.__init__.__globals__.os.popen('id').read() }}", "cannot be used"),
        ("{% include '/etc/passwd' %}", "cannot be used"),
        ("{{ nhom.append(1) }}", "cannot be used"),
    ],
)
def test_a_wrong_or_unsafe_instruction_is_told(tmp_path: Path, text: str, told: str) -> None:
    assert told in refused(edited(tmp_path, lambda document: document.add_paragraph(text))).message


def test_what_is_no_template_is_told(tmp_path: Path) -> None:
    for content in (b"", b"PK\x03\x04 cut", b"%PDF-1.7"):
        (tmp_path / "mau.docx").write_bytes(content)
        refused(tmp_path / "mau.docx")
    with zipfile.ZipFile(tmp_path / "mau.docx", "w") as package:
        package.writestr("xl/workbook.xml", "<x/>")
    assert "no .docx" in refused(tmp_path / "mau.docx").message
    with zipfile.ZipFile(tmp_path / "mau.docx", "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("word/document.xml", b" " * 30_000_000)
    assert "unpacks to" in refused(tmp_path / "mau.docx").message
    refused(tmp_path / "nowhere.docx")
    refused(repacked(tmp_path, word__document_DOT_xml=lambda part: part[:2000]))


def field(instruction: str) -> Callable[[docx.document.Document], None]:
    def change(document: docx.document.Document) -> None:
        paragraph = document.add_paragraph("x")
        for kind in ("begin", None, "end"):
            run = paragraph.add_run()
            element = OxmlElement("w:fldChar" if kind else "w:instrText")
            if kind:
                element.set(qn("w:fldCharType"), kind)
            else:
                element.text = instruction
            run._r.append(element)

    return change


def element(name: str, **attributes: str) -> Callable[[docx.document.Document], None]:
    def change(document: docx.document.Document) -> None:
        made = OxmlElement(f"w:{name}")
        for key, value in attributes.items():
            made.set(qn(f"w:{key}"), value)
        document.add_paragraph("x")._p.append(made)

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (field(' HYPERLINK "http://x.example" '), "HYPERLINK"),
        (field(" INCLUDETEXT c:\\a "), "INCLUDETEXT"),
        (field(" AUTHOR "), "AUTHOR"),
        (element("hyperlink", anchor="x"), "a link"),
        (element("ins", id="1", author="nguyen.van.a"), "tracked change"),
        (element("fldSimple", instr=" USERNAME "), "USERNAME"),
        (element("object"), "embedded object"),
    ],
)
def test_what_may_not_leave_the_office_is_refused(
    tmp_path: Path, change: Callable[[docx.document.Document], None], told: str
) -> None:
    assert told in refused(edited(tmp_path, change)).message


def test_a_page_number_may_stand_anywhere(tmp_path: Path) -> None:
    assert render_letter(report(), template=edited(tmp_path, field(" PAGE \\* MERGEFORMAT ")))


def test_an_outside_reference_is_refused_and_the_editors_template_path_left_out(tmp_path: Path) -> None:
    def related(kind: str, target: str) -> Callable[[docx.document.Document], None]:
        base = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
        return lambda document: document.part.relate_to(target, f"{base}/{kind}", is_external=True)

    assert (
        "http://x.example/a.png"
        in refused(edited(tmp_path, related("image", "http://x.example/a.png"))).message
    )
    path = edited(tmp_path, related("attachedTemplate", "file:///C:/Users/nguyen.van.a/mau.dotx"))
    assert b"nguyen.van.a" not in render_letter(report(), template=path)


def test_macros_and_embedded_files_are_refused(tmp_path: Path) -> None:
    def change(document: docx.document.Document) -> None:
        from docx.opc.packuri import PackURI
        from docx.opc.part import Part

        part = Part(
            PackURI("/word/vbaProject.bin"),
            "application/vnd.ms-office.vbaProject",
            b"x",
            document.part.package,
        )
        document.part.relate_to(part, "http://schemas.microsoft.com/office/2006/relationships/vbaProject")

    assert "vbaProject" in refused(edited(tmp_path, change)).message


@pytest.mark.parametrize("template", [LETTER_TEMPLATE, CORRECTION_TEMPLATE], ids=lambda path: path.stem)
def test_the_readme_lists_every_name_of_the_template(template: Path) -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    with zipfile.ZipFile(template) as package:
        xml = "".join(package.read(name).decode() for name in package.namelist() if name.startswith("word/"))
    text = re.sub(r"<[^>]+>", "", xml)
    used = set(re.findall(r"\{\{ (\w+)", text)) | set(re.findall(r" in (\w+) %\}", text))
    loops = set(re.findall(r"for (\w+) in", text))
    assert len(used - loops) > 10
    assert all(f"`{name}`" in readme for name in used - loops)


def test_the_readme_lists_every_shared_name() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in readme for name in letter_head(report()))


def test_a_broken_template_of_corrections_is_told(tmp_path: Path) -> None:
    path = edited(tmp_path, lambda document: document.add_paragraph("{{ la }}"), CORRECTION_TEMPLATE)
    with pytest.raises(Terminal, match="'la' is undefined"):
        render_correction(report(earlier=earlier_release()), number=2, template=path)


def test_the_shipped_templates_carry_no_name_and_no_clock() -> None:
    for template in (LETTER_TEMPLATE, CORRECTION_TEMPLATE):
        properties = docx.Document(io.BytesIO(template.read_bytes())).core_properties
        assert (properties.author, properties.last_modified_by) == ("Văn phòng UBND", "")
        with zipfile.ZipFile(template) as package:
            assert {entry.date_time for entry in package.infolist()} == {(1980, 1, 1, 0, 0, 0)}
