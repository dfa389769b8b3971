"""A sample dossier as an office's list writes it: text, and the personal columns lists really carry.

All persons are invented. Each of their values holds a mark that occurs nowhere else
(``CANARIES``), so that a search for the marks finds any leak.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import polars as pl

from etl.sandbox.sample_dossiers import PAPERLESS, PROCEDURES

# Part of every name and address; start of every ID and telephone number.
CANARIES = ("Kanary", "0009876")

# Field -> what the office calls the column, in the list's order. The four in the middle are personal.
HEADERS = {
    "code": "Mã hồ sơ",
    "procedure": "Mã TTHC",
    "name": "Họ và tên",
    "id_number": "Số CCCD",
    "address": "Địa chỉ",
    "phone": "Số điện thoại",
    "status": "Trạng thái",
    "received": "Ngày tiếp nhận",
    "due": "Ngày hẹn trả",
    "finished": "Ngày kết thúc xử lý",
    "channel": "Kênh thực hiện",
    "components_digitized": "Số hóa TPHS",
    "components_reused": "Tái sử dụng TPHS",
    "reused_from_portal": "Tái sử dụng từ cổng DVCQG",
    "result_digitized": "Số hóa kết quả",
}
PERSONAL = ("name", "id_number", "address", "phone")
# A sixteenth column some systems have; then a paperless result is no result file.
PAPER_HEADER = "Có kết quả giấy"

_FAMILIES = ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Phan", "Vũ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô")
_GIVEN = ("An", "Bình", "Châu", "Dung", "Giang", "Hà", "Hải", "Hoa", "Hùng", "Khánh", "Lan", "Linh", "Mai")
_NAMES = tuple(f"{family} {CANARIES[0]} {given}" for family in _FAMILIES for given in _GIVEN)
_STREETS = tuple(
    f"Số {house}, ngõ {CANARIES[0]} {lane}, thôn {given}"
    for house in range(3, 90, 7)
    for lane in range(1, 6)
    for given in _GIVEN
)
_NUMERIC = ("status", "channel", "components_digitized", "components_reused", "reused_from_portal")
_FLAGS = ("components_digitized", "components_reused", "reused_from_portal", "result_digitized")


def to_text(dossiers: pl.DataFrame, codes: list[str], agencies: list[bool], *, paper: bool) -> pl.DataFrame:
    """Typed dossiers (``month_dossiers``) as the list's text columns, null where a cell is empty.

    ``codes``/``agencies`` are the units' codes and whether they have sub-units: a twentieth of an
    agency's dossiers bears a deeper code, as real ones do. Columns ``unit_code`` and
    ``fault`` (where there is one) stay for the writer's own use.
    """
    unit = pl.col("unit")
    own = unit.replace_strict(list(range(len(codes))), codes, return_dtype=pl.String)
    below = unit.replace_strict(list(range(len(agencies))), agencies, return_dtype=pl.Boolean)
    deeper = pl.when(below & (pl.col("number") % 20 == 0)).then(pl.lit(".02")).otherwise(pl.lit(""))
    procedures = [*PROCEDURES, *PAPERLESS]

    def moment(name: str) -> pl.Expr:
        return pl.col(name).dt.strftime("%d/%m/%Y %H:%M:%S").alias(name)

    def table(values: tuple[str, ...], step: int) -> pl.Expr:
        place = pl.col("person") // step % len(values)
        return pl.lit(pl.Series(values)).gather(place)

    digits = (pl.col("person") % 100_000).cast(pl.String).str.zfill(5)
    flag = {name: pl.col(name).cast(pl.Int8).cast(pl.String).alias(name) for name in _FLAGS}
    if paper:
        # Paperless and resolved: nothing on paper, so no file either; it counts as digitized all the same.
        file = pl.col("result_digitized") & ~pl.col("paperless")
        flag["result_digitized"] = file.cast(pl.Int8).cast(pl.String).alias("result_digitized")
        flag["paper_result"] = (~pl.col("paperless")).cast(pl.Int8).cast(pl.String).alias("paper_result")
    return dossiers.select(
        pl.concat_str(
            own,
            deeper,
            pl.lit("-"),
            pl.col("day").dt.strftime("%y%m%d"),
            pl.lit("-"),
            pl.col("number").cast(pl.String).str.zfill(4),
        ).alias("code"),
        pl.col("procedure").replace_strict(list(range(len(procedures))), procedures, return_dtype=pl.String),
        table(_NAMES, 1).alias("name"),
        (pl.lit(CANARIES[1]) + digits).alias("id_number"),
        table(_STREETS, 1_024).alias("address"),
        (pl.lit(CANARIES[1]) + digits.str.slice(2)).alias("phone"),
        pl.col("status").cast(pl.String),
        moment("received"),
        moment("due"),
        moment("finished"),
        pl.col("channel").cast(pl.String),
        *flag.values(),
        own.alias("unit_code"),
        *([pl.col("fault")] if "fault" in dossiers.columns else []),
    )


class CsvList:
    """Writes a list as CSV, part by part. ``delimiter`` and ``encoding`` as the office's program has them."""

    def __init__(
        self, path: Path, first_line: str, headers: list[str], delimiter: str, encoding: str
    ) -> None:
        self._file = path.open("wb")
        self._delimiter = delimiter
        # A mark once at the start, not before every part.
        self._encoding = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(encoding, encoding)
        self._file.write({"utf-8-sig": b"\xef\xbb\xbf", "utf-16": b"\xff\xfe"}.get(encoding, b""))
        self._write(f"{first_line}\r\n{delimiter.join(headers)}\r\n".encode())

    def add(self, text: pl.DataFrame) -> None:
        self._write(
            text.write_csv(include_header=False, separator=self._delimiter, line_terminator="\r\n").encode()
        )

    def close(self) -> None:
        self._file.close()

    def _write(self, content: bytes) -> None:
        plain = self._encoding == "utf-8"
        self._file.write(content if plain else content.decode().encode(self._encoding))


_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
    '<sheets><sheet name="Danh sách" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}


class XlsxList:
    """Writes a list as a workbook of one sheet, part by part; digits of flags and states are numbers.

    By hand, because openpyxl takes a minute for 300,000 rows; the bytes carry no time.
    """

    def __init__(self, path: Path, first_line: str, headers: list[str]) -> None:
        self._zip = ZipFile(path, "w", ZIP_DEFLATED, compresslevel=4)
        for name, content in _PARTS.items():
            self._zip.writestr(_entry(name), _HEAD + content)
        self._sheet: IO[bytes] = self._zip.open(_entry("xl/worksheets/sheet1.xml"), "w", force_zip64=True)
        self._sheet.write(f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetData>'.encode())
        self._row = 1
        self.add(pl.DataFrame({"A": [first_line]}))
        self.add(pl.DataFrame({f"H{place}": [header] for place, header in enumerate(headers)}))

    def add(self, text: pl.DataFrame) -> None:
        if text.is_empty():
            return
        rows = pl.int_range(self._row, self._row + text.height).cast(pl.String)
        cells = []
        for place, name in enumerate(text.columns):
            at = pl.concat_str(pl.lit(f'<c r="{chr(65 + place)}'), rows)
            safe = (
                pl.col(name)
                .str.replace_all("&", "&amp;", literal=True)
                .str.replace_all("<", "&lt;", literal=True)
            )
            words = pl.concat_str(at, pl.lit('" t="inlineStr"><is><t>'), safe, pl.lit("</t></is></c>"))
            cell = words
            if name in (*_NUMERIC, "result_digitized", "paper_result"):
                number = pl.concat_str(at, pl.lit('"><v>'), safe, pl.lit("</v></c>"))
                cell = pl.when(pl.col(name).str.contains(r"^\d+$")).then(number).otherwise(words)
            cells.append(cell.fill_null("").alias(name))
        lines = text.select(
            pl.concat_str(pl.lit('<row r="'), rows, pl.lit('">'), *cells, pl.lit("</row>")).alias("row")
        )
        self._sheet.write("".join(lines["row"].to_list()).encode())
        self._row += text.height

    def close(self) -> None:
        self._sheet.write(b"</sheetData></worksheet>")
        self._sheet.close()
        self._zip.close()


def _entry(name: str) -> ZipInfo:
    entry = ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.compress_type = ZIP_DEFLATED
    entry.create_system = 0
    return entry
