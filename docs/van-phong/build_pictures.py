"""Draw the pictures of docs/van-phong: a good form, a bad one, and a receipt.

Run from the project's folder: ``.venv/bin/python docs/van-phong/build_pictures.py``. Needs LibreOffice,
pdftotext/pdftoppm (poppler) and Chromium. The forms are real workbooks, the receipt a real receipt, all
with invented figures; marks are set around the words they speak of.
"""

from __future__ import annotations

import base64
import html
import os
import re
import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

from openpyxl import Workbook

from etl.deliver.appendix_words import ROMAN
from etl.deliver.digitization import FormSheet
from etl.deliver.sheet_style import WHOLE, CellContent, Column, Number
from etl.inbox.receipt import Block, Check, Receipt, Refusal, receipt_html
from etl.sources.digitization_form.layouts import load_templates

HERE = Path(__file__).parent
DPI = 110
DEPARTMENTS = {
    "Sở Tài chính": (1204, 90, 1114, 600, 300, 1100, 50, 1050),
    "Sở Xây dựng": (812, 300, 512, 200, 100, 790, 70, 720),
    "Sở Y tế": (455, 55, 400, 210, 120, 440, 40, 400),
}
COMMUNES = {
    "UBND phường Việt Trì": (5120, 1000, 4120, 2500, 1200, 5000, 500, 4500),
    "UBND xã Hy Cương": (2309, 300, 2009, 1500, 800, 2250, 250, 2000),
    "UBND xã Đoan Hùng": (990, 90, 900, 100, 90, 900, 60, 840),
}
NOT_ADDING_UP = (812, 300, 500, 200, 100, 790, 70, 720)  # 300 + 500 is not 812
Figures = tuple[int, ...]
# Text to find on the page, which of its occurrences, and the number set beside it.
Mark = tuple[str, int, int]
GOOD: tuple[Mark, ...] = (
    ("(Từ ngày 15/08/2026 đến ngày 14/09/2026)", 0, 1),
    ("Số hóa kết quả giải quyết", 0, 2),
    ("(9)", 0, 3),
    ("UBND cấp xã", 0, 4),
    ("1.204", 0, 5),
    ("Cộng UBND cấp xã", 0, 6),
    ("Tổng cộng", 0, 7),
)
BAD: tuple[Mark, ...] = (
    ("Tháng 9", 0, 1),
    ("Trước hạn", 0, 2),
    ("Người nộp hồ sơ", 0, 3),
    ("12,5", 0, 4),
    ("500", 0, 5),
    ("khoảng 70", 0, 6),
    ("2.500", 1, 7),
    ("UBND xã Hy Cươg", 0, 8),
)


def form(path: Path, *, good: bool) -> None:
    """Write the form as an office would."""
    template = next(one for one in load_templates() if one.default)
    columns = [one for one in template.columns if one.column_no]
    paths = [one.header for one in columns]
    if not good:
        paths = [*paths[:8], (paths[8][0], "Trước hạn"), paths[9], ("Người nộp hồ sơ",)]
    widths = [6, 34] + [11] * 8 + ([16] if not good else [])
    workbook = Workbook()
    del workbook["Sheet"]
    aligns = ["center", "left"] + ["right"] * 8 + ["left"]
    sheet = FormSheet(
        workbook.create_sheet("Biểu 1"),
        [Column(" ".join(p), w, a) for p, w, a in zip(paths, widths, aligns, strict=False)],
    )
    sheet.paragraph("BIỂU TỔNG HỢP SỐ HÓA HỒ SƠ, KẾT QUẢ GIẢI QUYẾT THỦ TỤC HÀNH CHÍNH", size=13, bold=True,
                    align="center")  # fmt: skip
    sheet.paragraph("của tỉnh Phú Thọ", size=13, bold=True, align="center")
    days = "(Từ ngày 15/08/2026 đến ngày 14/09/2026)" if good else "Tháng 9"
    sheet.paragraph(days, size=12, italic=True, align="center")
    sheet.form_header(paths, range(1, len(paths) + 1))
    extra: list[CellContent] = [] if good else [None]
    everything: list[Figures] = []
    departments = DEPARTMENTS if good else DEPARTMENTS | {"Sở Xây dựng": NOT_ADDING_UP}
    for place, (title, units) in enumerate((("Sở, ban, ngành", departments), ("UBND cấp xã", COMMUNES))):
        sheet.line([ROMAN[place], title, *[None] * 8, *extra], strong=True)
        for number, (name, values) in enumerate(units.items(), start=1):
            sheet.line([Number(number, WHOLE), *_cells(name, values, good=good)])
        total = tuple(map(sum, zip(*units.values(), strict=True)))
        everything.append(total)
        shown = total if good or place == 0 else (2500, *total[1:])
        sheet.line(
            [None, f"Cộng {title if title[1].isupper() else title.lower()}", *_numbers(shown), *extra],
            strong=True,
        )
    whole = tuple(map(sum, zip(*everything, strict=True)))
    sheet.line([None, "Tổng cộng", *_numbers(whole), *extra], strong=True)
    sheet.row += 1
    sheet.signatures("NGƯỜI LẬP BIỂU", "THỦ TRƯỞNG ĐƠN VỊ")
    sheet.finish(frozen_columns=2)
    workbook.save(path)


def _numbers(values: Figures) -> list[CellContent]:
    return [Number(value, WHOLE) for value in values]


def _cells(name: str, values: Figures, *, good: bool) -> list[CellContent]:
    cells: list[CellContent] = [name, *_numbers(values)]
    if good:
        return cells
    cells.append("(họ và tên)" if name == "Sở Tài chính" else None)
    match name:
        case "Sở Tài chính":
            cells[4] = "12,5"
        case "Sở Y tế":
            cells[5] = "khoảng 70"
        case "UBND xã Hy Cương":
            cells[0] = "UBND xã Hy Cươg"
    return cells


def receipt() -> Receipt:
    return Receipt(
        file_name="Biểu số hóa tháng 9.xlsx",
        sha256="9f2b1c0d" * 8,
        size_bytes=18_213,
        received_at=datetime(2026, 9, 16, 2, 14, tzinfo=UTC),
        state="accepted",
        software="bochiso",
        kind_vi="Biểu thống kê số hóa",
        layout="so_hoa_10_cot@1",
        province_vi="tỉnh Phú Thọ",
        period_id="2026-09",
        window_kind="administrative",
        period_start=date(2026, 8, 15),
        period_end=date(2026, 9, 14),
        rows_read=176,
        rows_published=166,
        rows_quarantined=2,
        rows_ignored=8,
        rows_ignored_by_kind={"numbering": 1, "section": 2, "total": 3, "footer": 2},
        blocks=(
            Block("department", 20, 20, (), True),
            Block("commune", 146, 148, ("UBND xã Hy Cương", "UBND xã Đoan Hùng"), True),
        ),
        refusals=(
            Refusal(
                "unit_unknown",
                "Không có đơn vị “UBND xã Hy Cươg” trong danh mục cấp xã. Có phải “UBND xã Hy Cương”?",
                "Biểu 1", 41, "unit_name", "B", "UBND xã Hy Cươg",
            ),
            Refusal(
                "not_a_whole_number",
                "Ô này phải là số nguyên từ 0 trở lên (số hồ sơ).",
                "Biểu 1", 63, "components_reused", "F", "12,5",
            ),
        ),
        checks=(
            Check("results_near_resolved", "warn", "Ở 3 đơn vị, cột (9) cộng cột (10) khác cột (8).", "3", "0"),
        ),
    )  # fmt: skip


def draw(workbook: Path, picture: Path, marks: tuple[Mark, ...], colour: str) -> None:
    """The first page of the workbook as a PNG, cut to what is printed, with numbered marks."""
    folder = workbook.parent
    run("soffice", f"-env:UserInstallation=file://{folder}/office", "--headless", "--convert-to", "pdf",
        "--outdir", str(folder), str(workbook))  # fmt: skip
    pdf = workbook.with_suffix(".pdf")
    run(
        "pdftoppm",
        "-r",
        str(DPI),
        "-f",
        "1",
        "-l",
        "1",
        "-singlefile",
        "-png",
        str(pdf),
        str(pdf.with_suffix("")),
    )
    run("pdftotext", "-bbox", "-f", "1", "-l", "1", str(pdf), str(folder / "words.html"))
    words = [
        (html.unescape(text), *(float(side) * DPI / 72 for side in sides))
        for *sides, text in re.findall(
            r'<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">(.*?)</word>',
            (folder / "words.html").read_text(encoding="utf-8"),
        )
    ]
    body = [word for word in words if "Trang" not in word[0] and word[2] < 7.4 * DPI]
    left, top = min(word[1] for word in body) - 45, min(word[2] for word in body) - 25
    right, bottom = max(word[3] for word in body) + 60, max(word[4] for word in body) + 25
    boxes = []
    for text, occurrence, number in marks:
        x1, y1, x2, y2 = find(words, text, occurrence)
        boxes.append(
            f'<i style="left:{x1 - left - 5:.0f}px;top:{y1 - top - 3:.0f}px;width:{x2 - x1 + 10:.0f}px;'
            f'height:{y2 - y1 + 6:.0f}px"><b>{number}</b></i>'
        )
    image = base64.b64encode(pdf.with_suffix(".png").read_bytes()).decode()
    page = (
        "<!DOCTYPE html><meta charset=utf-8><style>body{margin:0;background:#fff}div{position:relative;"
        f"width:{right - left:.0f}px;height:{bottom - top:.0f}px;overflow:hidden}}img{{position:absolute;"
        f"left:{-left:.0f}px;top:{-top:.0f}px}}i{{position:absolute;border:2.5px solid {colour};"
        "border-radius:5px;box-sizing:border-box}b{position:absolute;right:-25px;top:50%;margin-top:-10px;"
        f"background:{colour};color:#fff;font:700 13px/20px 'Liberation Sans',sans-serif;width:20px;"
        "height:20px;border-radius:10px;text-align:center}</style><div>"
        f'<img src="data:image/png;base64,{image}">{"".join(boxes)}</div>'
    )
    (folder / "page.html").write_text(page, encoding="utf-8")
    shoot(folder / "page.html", picture, round(right - left), round(bottom - top))


def find(words: list[tuple[str, float, float, float, float]], text: str, occurrence: int) -> list[float]:
    """The rectangle around ``text``; a page's words may be cut wherever the font changes."""
    wanted = text.replace(" ", "")
    found = []
    for place in range(len(words)):
        end, said = place, ""
        while end < len(words) and len(said) < len(wanted):
            said += words[end][0]
            end += 1
        if said == wanted:
            found.append(words[place:end])
    chosen = found[occurrence]
    return [
        min(word[1] for word in chosen), min(word[2] for word in chosen),
        max(word[3] for word in chosen), max(word[4] for word in chosen),
    ]  # fmt: skip


def shoot(page: Path, picture: Path, width: int, height: int) -> None:
    run("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        f"--user-data-dir={page.parent}/browser", f"--window-size={width},{height}",
        f"--screenshot={picture}", f"file://{page}")  # fmt: skip


def run(*command: str) -> None:
    # Numbers as an office's Excel shows them: 1.204 is one thousand two hundred and four.
    vietnamese = {**os.environ, "LC_ALL": "vi_VN.UTF-8", "LANG": "vi_VN.UTF-8"}
    subprocess.run(command, check=True, capture_output=True, timeout=120, env=vietnamese)


def main() -> int:
    (HERE / "hinh").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for stem, good, marks, colour in (
            ("bieu-dung", True, GOOD, "#14602f"),
            ("bieu-sai", False, BAD, "#c01818"),
        ):
            form(folder / f"{stem}.xlsx", good=good)
            draw(folder / f"{stem}.xlsx", HERE / "hinh" / f"{stem}.png", marks, colour)
        (folder / "receipt.html").write_bytes(receipt_html(receipt()))
        shoot(folder / "receipt.html", HERE / "hinh" / "phieu-tiep-nhan.png", 900, 1180)
    return 0


if __name__ == "__main__":
    sys.exit(main())
