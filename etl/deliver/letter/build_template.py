"""Builds the two shipped Word templates anew: ``python etl/deliver/letter/build_template.py``, run by hand.

Layout by Decree 30/2020/NĐ-CP, Appendix I: A4; margins 20 (top, bottom), 30 (left), 15 mm (right); Times New Roman
13, justified, first line 1.27 cm; national title 12 bold capitals, motto 13 bold over a line; agency names over a
line; page number top centre, not on page 1. Afterwards render a letter, look at it, commit the .docx with this file.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from docx import Document
from docx.document import Document as Doc
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH as ALIGN
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Mm, Pt, RGBColor
from docx.table import Table, _Cell, _Row
from docx.text.paragraph import Paragraph

from etl.deliver.letter_docx import Properties, sealed

FOLDER = Path(__file__).parent
FONT = "Times New Roman"
BODY, TABLE, SMALL = Pt(13), Pt(12), Pt(11)
TEXT_WIDTH_MM = 165
INDEX_NAME = (
    "Bộ chỉ số chỉ đạo, điều hành và đánh giá chất lượng phục vụ người dân, doanh nghiệp trong thực hiện thủ tục "
    "hành chính, dịch vụ công theo thời gian thực trên môi trường điện tử"
)


def new_document() -> Doc:
    document = Document()
    body = document.element.body
    for child in list(body):
        if child.tag != qn("w:sectPr"):
            body.remove(child)
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.top_margin = section.bottom_margin = Mm(20)
    section.left_margin, section.right_margin = Mm(30), Mm(15)
    section.header_distance = section.footer_distance = Mm(10)
    section.different_first_page_header_footer = True
    _styles(document)
    _header(section.first_page_header.paragraphs[0], page_number=False)
    _header(section.header.paragraphs[0], page_number=True)
    return document


def _font(style: Any, size: Pt, *, bold: bool = False, italic: bool = False) -> None:
    font = style.font
    font.name, font.size, font.bold, font.italic = FONT, size, bold, italic
    font.color.rgb = RGBColor(0, 0, 0)
    fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    for name in ("ascii", "hAnsi", "eastAsia", "cs"):
        fonts.set(qn(f"w:{name}"), FONT)
    for name in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(qn(f"w:{name}"), None)


def _styles(document: Doc) -> None:
    styles = document.styles
    keep = {"Normal", "Header", "Footer", "Heading 1", "Heading 2", "Default Paragraph Font", "Normal Table",
            "Table Grid", "No List", "Header Char", "Footer Char", "Heading 1 Char", "Heading 2 Char"}  # fmt: skip
    for style in list(styles):
        if style.name not in keep:
            style.element.getparent().remove(style.element)
    defaults = styles.element.find(qn("w:docDefaults"))
    for fonts in defaults.iter(qn("w:rFonts")):
        fonts.attrib.clear()
        for name in ("ascii", "hAnsi", "eastAsia", "cs"):
            fonts.set(qn(f"w:{name}"), FONT)
    for language in defaults.iter(qn("w:lang")):
        language.attrib.clear()
        language.set(qn("w:val"), "vi-VN")
    _font(styles["Normal"], BODY)
    plain = styles["Normal"].paragraph_format
    plain.space_before, plain.space_after, plain.line_spacing = Pt(0), Pt(0), 1.0
    body = styles.add_style("Noi dung", WD_STYLE_TYPE.PARAGRAPH)
    body.base_style = styles["Normal"]
    form = body.paragraph_format
    form.alignment, form.first_line_indent = ALIGN.JUSTIFY, Cm(1.27)
    form.space_after, form.line_spacing, form.widow_control = Pt(6), 1.0, True
    for name in ("Heading 1", "Heading 2"):
        style = styles[name]
        _font(style, BODY, bold=True)
        form = style.paragraph_format
        form.alignment, form.first_line_indent, form.keep_with_next = ALIGN.JUSTIFY, Cm(1.27), True
        form.space_before, form.space_after, form.line_spacing = Pt(0), Pt(6), 1.0
    _font(styles["Header"], BODY)
    for name in ("Heading 1 Char", "Heading 2 Char"):
        _font(styles[name], BODY, bold=True)


def _header(paragraph: Paragraph, *, page_number: bool) -> None:
    paragraph.alignment = ALIGN.CENTER
    if page_number:
        for kind, text in (("begin", None), (None, "PAGE"), ("separate", None), ("text", "2"), ("end", None)):
            run = paragraph.add_run(text if kind == "text" else "")
            if kind in ("begin", "separate", "end"):
                mark = OxmlElement("w:fldChar")
                mark.set(qn("w:fldCharType"), kind)
                run._r.append(mark)
            elif kind is None:
                instruction = OxmlElement("w:instrText")
                instruction.set(qn("xml:space"), "preserve")
                instruction.text = " PAGE "
                run._r.append(instruction)
        paragraph.add_run("{% if dau %}    {{ dau }}{% endif %}").bold = True
    else:
        paragraph.add_run("{{ dau }}").bold = True


def write(
    paragraph: Paragraph, text: str, size: Pt | None = None, *, bold: bool = False, italic: bool = False
) -> None:
    run = paragraph.add_run(text)
    run.bold, run.italic = bold or None, italic or None
    if size is not None:
        run.font.size = size


def rule_below(paragraph: Paragraph, width_mm: float, room_mm: float) -> None:
    """A line under the text, ``width_mm`` long, centred: a border of an otherwise empty paragraph."""
    paragraph.alignment = ALIGN.CENTER
    side = Mm((room_mm - width_mm) / 2)
    form = paragraph.paragraph_format
    form.left_indent = form.right_indent = side
    form.space_before, form.line_spacing = Pt(3), Pt(3)
    for run in paragraph.runs or [paragraph.add_run("")]:
        run.font.size = Pt(2)
    borders = OxmlElement("w:pBdr")
    line = OxmlElement("w:top")
    for name, value in (("val", "single"), ("sz", "6"), ("space", "1"), ("color", "000000")):
        line.set(qn(f"w:{name}"), value)
    borders.append(line)
    paragraph._p.get_or_add_pPr().append(borders)
    _in_schema_order(paragraph)


def _in_schema_order(paragraph: Paragraph) -> None:
    """Word refuses paragraph properties in another order than the schema's: borders come before spacing."""
    order = ("pStyle", "keepNext", "keepLines", "pageBreakBefore", "widowControl", "numPr", "pBdr", "shd", "tabs",
             "spacing", "ind", "jc", "outlineLvl", "rPr")  # fmt: skip
    properties = paragraph._p.get_or_add_pPr()
    known = {qn(f"w:{name}"): place for place, name in enumerate(order)}
    for child in sorted(list(properties), key=lambda one: known.get(one.tag, len(order))):
        properties.append(child)


def centred(cell: _Cell, lines: Sequence[tuple[str, Pt, bool, bool]]) -> list[Paragraph]:
    made = []
    for place, (text, size, bold, italic) in enumerate(lines):
        paragraph = cell.paragraphs[0] if place == 0 else cell.add_paragraph()
        paragraph.alignment = ALIGN.CENTER
        write(paragraph, text, size, bold=bold, italic=italic)
        made.append(paragraph)
    return made


def head(document: Doc, symbol: str) -> None:
    """Agencies and national title, number and place: two columns without borders."""
    left, right = 62, TEXT_WIDTH_MM - 62
    table = document.add_table(rows=2, cols=2)
    _widths(table, (left, right))
    centred(
        table.cell(0, 0),
        [("{{ co_quan_chu_quan }}", Pt(12), False, False), ("{{ co_quan_chu_quan_2 }}", Pt(12), False, False),
         ("{{ co_quan_ban_hanh }}", Pt(12), True, False)],
    )  # fmt: skip
    rule_below(table.cell(0, 0).add_paragraph(), 20, left)
    centred(
        table.cell(0, 1),
        [("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", Pt(12), True, False),
         ("Độc lập - Tự do - Hạnh phúc", Pt(13), True, False)],
    )  # fmt: skip
    rule_below(table.cell(0, 1).add_paragraph(), 58, right)
    centred(table.cell(1, 0), [(symbol, BODY, False, False)])
    centred(table.cell(1, 1), [("{{ dia_danh }}, ngày       tháng       năm {{ nam }}", BODY, False, True)])
    for cell in table.rows[1].cells:
        cell.paragraphs[0].paragraph_format.space_before = Pt(4)


def _widths(table: Table, widths_mm: Sequence[float]) -> None:
    table.autofit = False
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    for column, width in zip(table.columns, widths_mm, strict=True):
        column.width = Mm(width)
        for cell in column.cells:
            cell.width = Mm(width)


def title(document: Doc, name: str, subject: str) -> None:
    paragraph = document.add_paragraph()
    paragraph.alignment = ALIGN.CENTER
    paragraph.paragraph_format.space_before = Pt(10)
    write(paragraph, name, Pt(14), bold=True)
    paragraph = document.add_paragraph()
    paragraph.alignment = ALIGN.CENTER
    write(paragraph, subject, BODY, bold=True)
    rule_below(document.add_paragraph(), 55, TEXT_WIDTH_MM)
    paragraph = document.add_paragraph()
    paragraph.alignment = ALIGN.CENTER
    write(paragraph, "({{ pham_vi }})", BODY, italic=True)
    block(document, "{%p if dau %}")
    paragraph = document.add_paragraph()
    paragraph.alignment = ALIGN.CENTER
    paragraph.paragraph_format.space_before = Pt(4)
    write(paragraph, "{{ dau }}", Pt(14), bold=True)
    paragraph = document.add_paragraph()
    paragraph.alignment = ALIGN.CENTER
    write(paragraph, "{{ giai_thich_dau }}", BODY, italic=True)
    block(document, "{%p endif %}")
    paragraph = document.add_paragraph()
    paragraph.alignment = ALIGN.CENTER
    paragraph.paragraph_format.space_before = paragraph.paragraph_format.space_after = Pt(8)
    write(paragraph, "Kính gửi: Ủy ban nhân dân {{ tinh }}", Pt(14))


def block(document: Doc, instruction: str) -> None:
    """A paragraph that holds one instruction alone; it is not in the document that is made."""
    document.add_paragraph(instruction)


def body(document: Doc, *parts: tuple[str, str]) -> Paragraph:
    """A paragraph of the letter; each part is its text and its kind: plain, bold or italic."""
    paragraph = document.add_paragraph(style="Noi dung")
    for text, kind in parts:
        write(paragraph, text, bold=kind == "bold", italic=kind == "italic")
    return paragraph


def each(document: Doc, loop: str, *parts: tuple[str, str]) -> None:
    """A paragraph for each element of a list."""
    block(document, f"{{%p for {loop} %}}")
    body(document, *parts)
    block(document, "{%p endfor %}")


def figures(
    document: Doc, widths_mm: Sequence[float], heads: Sequence[str], loop: str, cells: Sequence[str],
    total: Sequence[str] | None = None, words: int = 1,
) -> None:  # fmt: skip
    """A table with a repeated header row, a row for each element and a total row; text left, figures right."""
    table = document.add_table(rows=1, cols=len(heads))
    table.style = document.styles["Table Grid"]
    _row(table.rows[0].cells, heads, bold=True, centre=True)
    _flag(table.rows[0], "tblHeader")
    for instruction in (f"{{%tr for {loop} %}}", None, "{%tr endfor %}"):
        row = table.add_row()
        if instruction is None:
            _row(row.cells, cells, words=words)
        else:
            row.cells[0].paragraphs[0].add_run(instruction)
        _flag(row, "cantSplit")
    if total is not None:
        # A total never stands on a page without the rows above it: six groups and some blocks fit one page.
        for row in table.rows:
            for cell in row.cells:
                cell.paragraphs[0].paragraph_format.keep_with_next = True
        row = table.add_row()
        _row(row.cells, total, words=words, bold=True)
        _flag(row, "cantSplit")
    _widths(table, widths_mm)
    gap = document.add_paragraph()
    gap.paragraph_format.line_spacing = Pt(6)


def _row(
    cells: Sequence[_Cell], texts: Sequence[str], *, words: int = 1, bold: bool = False, centre: bool = False
) -> None:
    """The first cell centred, then ``words`` cells of text to the left, figures to the right."""
    for place, (cell, text) in enumerate(zip(cells, texts, strict=True)):
        paragraph = cell.paragraphs[0]
        paragraph.alignment = (
            ALIGN.CENTER if centre or place == 0 else ALIGN.LEFT if place <= words else ALIGN.RIGHT
        )
        paragraph.paragraph_format.space_before = paragraph.paragraph_format.space_after = Pt(1.5)
        write(paragraph, text, TABLE, bold=bold)


def _flag(row: _Row, name: str) -> None:
    row._tr.get_or_add_trPr().append(OxmlElement(f"w:{name}"))


def signature(document: Doc, receivers: Sequence[str], signer: Sequence[str]) -> None:
    """Nơi nhận on the left, the signer's office on the right; no name, no signature."""
    table = document.add_table(rows=1, cols=2)
    _widths(table, (90, 75))
    _flag(table.rows[0], "cantSplit")
    left, right = table.rows[0].cells
    write(left.paragraphs[0], "Nơi nhận:", Pt(12), bold=True, italic=True)
    for line in receivers:
        write(left.add_paragraph(), line, SMALL)
    centred(right, [(line, Pt(13), True, False) for line in signer])
    for _ in range(4):
        right.add_paragraph()


def letter() -> Doc:
    document = new_document()
    head(document, "Số:          /{{ ky_hieu }}")
    title(document, "BÁO CÁO", f"Kết quả thực hiện {INDEX_NAME}, kỳ báo cáo {{{{ ky_bao_cao }}}}")
    body(document, (
        "Thực hiện Quyết định số 766/QĐ-TTg ngày 23 tháng 6 năm 2022 của Thủ tướng Chính phủ phê duyệt Bộ chỉ số nêu "
        "trên (sau đây gọi tắt là Bộ chỉ số) và Nghị định số 09/2019/NĐ-CP ngày 24 tháng 01 năm 2019 của Chính phủ quy "
        "định về chế độ báo cáo của cơ quan hành chính nhà nước, {{ co_quan }} báo cáo kết quả như sau:", "plain",
    ))  # fmt: skip
    document.add_paragraph("I. KẾT QUẢ THỰC HIỆN BỘ CHỈ SỐ {{ ky_so_lieu | upper }}", style="Heading 1")
    document.add_paragraph("1. Kết quả chung", style="Heading 2")
    each(document, "cau in ket_qua_chung", ("{{ cau }}", "plain"))
    document.add_paragraph("2. Kết quả theo nhóm chỉ số", style="Heading 2")
    figures(
        document, (12.5, 58, 18.5, 18.5, 18.5, 39),
        ("STT", "Nhóm chỉ số", "Điểm tối đa", "Điểm đạt", "Tỷ lệ (%)", "Tăng, giảm so với {{ ky_so_sanh }}"),
        "n in nhom",
        tuple(f"{{{{ n.{name} }}}}" for name in ("stt", "ten", "toi_da", "dat", "ty_le", "tang_giam")),
        ("", "Tổng điểm", *(f"{{{{ nhom_tong.{name} }}}}" for name in ("toi_da", "dat", "ty_le", "tang_giam"))),
    )  # fmt: skip
    block(document, "{%p if nhan_xet_nhom %}")
    body(document, ("{{ nhan_xet_nhom }}", "plain"))
    block(document, "{%p endif %}")
    document.add_paragraph("3. Kết quả của các cơ quan, đơn vị, địa phương", style="Heading 2")
    each(
        document,
        "k in don_vi_theo_khoi",
        ("{{ k.chu }}) {{ k.ten }}: ", "italic"),
        ("{{ k.noi_dung }}", "plain"),
    )
    document.add_paragraph("4. Các chỉ số mất nhiều điểm nhất", style="Heading 2")
    block(document, "{%p if not mat_diem %}")
    body(document, ("Chưa có số liệu điểm của các chỉ số thành phần.", "plain"))
    block(document, "{%p endif %}")
    each(document, "m in mat_diem", ("- {{ m.ten }}: ", "italic"), ("{{ m.noi_dung }}", "plain"))
    block(document, "{%p if tre_han %}")
    body(document, ("{{ tre_han }}", "plain"))
    block(document, "{%p endif %}")
    document.add_paragraph("II. KẾT QUẢ SỐ HÓA HỒ SƠ", style="Heading 1")
    body(document, ("{{ so_hoa_chung }}", "plain")).paragraph_format.keep_with_next = True
    block(document, "{%p if so_hoa %}")
    figures(
        document, (12.5, 50, 22, 24.5, 19.5, 19.5, 17),
        ("STT", "Khối", "Đơn vị có số liệu", "Hồ sơ đã giải quyết", "Chưa số hóa (9)", "Đã số hóa (10)", "Tỷ lệ (%)"),
        "s in so_hoa",
        tuple(f"{{{{ s.{name} }}}}"
              for name in ("stt", "ten", "don_vi", "da_giai_quyet", "chua_so_hoa", "da_so_hoa", "ty_le")),
        ("", *(f"{{{{ so_hoa_tong.{name} }}}}"
               for name in ("ten", "don_vi", "da_giai_quyet", "chua_so_hoa", "da_so_hoa", "ty_le"))),
    )  # fmt: skip
    block(document, "{%p endif %}")
    each(document, "cau in so_hoa_luu_y", ("- {{ cau }}", "plain"))
    document.add_paragraph("III. SỐ LIỆU TẠM THỜI, CÒN THIẾU, ĐƯỢC ĐIỀU CHỈNH", style="Heading 1")
    each(document, "cau in han_che", ("- {{ cau }}", "plain"))
    each(document, "cau in dieu_chinh", ("- {{ cau }}", "plain"))
    body(document, ("- {{ nguon }}", "plain"))
    document.add_paragraph("IV. KIẾN NGHỊ", style="Heading 1")
    each(document, "k in kien_nghi", ("{{ k.stt }}. {{ k.noi_dung }}", "plain"))
    closing = body(document, (
        "Trên đây là kết quả thực hiện Bộ chỉ số kỳ báo cáo {{ ky_bao_cao }}, {{ co_quan }} kính báo cáo Ủy ban nhân dân "
        "{{ tinh }} xem xét, chỉ đạo./.", "plain"))  # fmt: skip
    closing.paragraph_format.keep_with_next = True
    attached = body(document, ("(Kèm theo Phụ lục kết quả của các cơ quan, đơn vị, địa phương)", "italic"))
    attached.paragraph_format.keep_with_next = True
    receivers = ["- Như trên;", "- Chủ tịch, các Phó Chủ tịch UBND {{ cap }};",
                 "{%p for k in cac_khoi %}", "- {{ k }};", "{%p endfor %}",
                 "- Cổng Thông tin điện tử {{ cap }} (để công khai);", "- Lãnh đạo Văn phòng;",
                 "- Lưu: VT, KSTTHC."]  # fmt: skip
    signature(document, receivers, ["CHÁNH VĂN PHÒNG"])
    return document


def correction() -> Doc:
    document = new_document()
    head(document, "Số:          /ĐC-VP")
    title(
        document,
        "ĐÍNH CHÍNH",
        "Số liệu tại Báo cáo kết quả thực hiện Bộ chỉ số 766, kỳ báo cáo {{ ky_bao_cao }}",
    )
    body(document, (
        "Báo cáo kết quả thực hiện Bộ chỉ số kỳ báo cáo {{ ky_bao_cao }} của {{ co_quan }} được phát hành lần "
        "{{ lan_cu }} lúc {{ phat_hanh_luc }}. Sau đó các nguồn số liệu {% if dinh_chinh %}đã thay đổi{% else %}có "
        "cập nhật{% endif %}. {{ co_quan }} phát hành lần "
        "{{ lan_moi }} theo số liệu đọc đến {{ doc_luc }} để thay thế; bản lần {{ lan_cu }} được lưu để đối chiếu.",
        "plain",
    ))  # fmt: skip
    block(document, "{%p if bo_sung %}")
    body(
        document, ("Bản lần {{ lan_moi }} bổ sung số liệu mà bản lần {{ lan_cu }} ghi là còn thiếu:", "plain")
    )
    block(document, "{%p for b in bo_sung %}")
    body(document, ("- {{ b }}", "plain"))
    block(document, "{%p endfor %}")
    block(document, "{%p endif %}")
    block(document, "{%p if not dinh_chinh %}")
    body(document, ("Không có giá trị nào của nguồn thay đổi so với lần phát hành {{ lan_cu }}./.", "plain"))
    block(document, "{%p else %}")
    body(document, (
        "{{ so_gia_tri }} giá trị của {{ so_don_vi }} đơn vị được đính chính"
        "{% if con_lai %}, trong đó các giá trị đầu như sau{% else %} như sau{% endif %}:", "plain"))  # fmt: skip
    figures(
        document, (13, 53, 47, 26, 26), ("STT", "Đơn vị", "Nội dung", "Đã công bố", "Đính chính thành"),
        "d in dinh_chinh", tuple(f"{{{{ d.{name} }}}}" for name in ("stt", "don_vi", "noi_dung", "cu", "moi")),
        words=2,
    )  # fmt: skip
    body(document, (
        "{% if con_lai %}Còn {{ con_lai }} giá trị khác, đủ danh sách tại bảng dinh_chinh của dữ liệu mở. "
        "{% endif %}Các nội dung khác của Báo cáo được cập nhật tại bản phát hành lần {{ lan_moi }}./.", "plain",
    ))  # fmt: skip
    block(document, "{%p endif %}")
    receivers = ["- Như trên;", "- Các nơi đã nhận Báo cáo;", "- Lưu: VT, KSTTHC."]
    signature(document, receivers, ["CHÁNH VĂN PHÒNG"])
    return document


def save(document: Doc, path: Path, subject: str) -> None:
    package = document.part.package
    for relation in list(package.rels.values()):
        if relation.reltype.endswith(("thumbnail", "customXml")):
            del package.rels[relation.rId]
    for relation in list(document.part.rels.values()):
        if relation.reltype.endswith(("customXml", "theme", "stylesWithEffects", "numbering", "webSettings")):
            del document.part.rels[relation.rId]
    saved = io.BytesIO()
    document.save(saved)
    made = Properties(subject, "Văn phòng UBND", datetime(2026, 1, 1, tzinfo=UTC))
    path.write_bytes(sealed(saved.getvalue(), made, path))


if __name__ == "__main__":
    save(letter(), FOLDER / "mau-bao-cao.docx", "Mẫu báo cáo kết quả thực hiện Bộ chỉ số")
    save(correction(), FOLDER / "mau-dinh-chinh.docx", "Mẫu đính chính số liệu báo cáo")
