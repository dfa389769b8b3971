"""A recognised list as columns of text, wanted columns only.

CSV is scanned in a stream: of the other columns not one value leaves the parser. A workbook's sheet is
parsed whole by fastexcel (its XML knows no columns), and only the wanted ones become a frame.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import fastexcel
import polars as pl

from etl.errors import FileRefused
from etl.inbox.inspected import Inspected
from etl.sources.dossier_list.recognise import RecognisedList

# What stands beyond the header's last column: a row with too many fields has shifted.
BEYOND = "beyond"
# A list that polars cannot stream, rewritten with its wanted columns; ``read_list`` removes it after reading.
REWRITTEN = "wanted_columns.csv"
# Control characters that a workbook can hold (_x0000_): PostgreSQL takes no U+0000, and none belongs into a cell.
_CONTROLS = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
_UTF8 = ("utf-8", "utf8", "utf-8-sig", "ascii", "us-ascii")


def scan_texts(path: Path, inspected: Inspected, found: RecognisedList, work: Path) -> pl.LazyFrame:
    """The list's fields as text (names of FIELDS, then ``beyond``), one row per record in the file's order.

    A file that polars cannot stream (UTF-16, lone carriage returns) is first rewritten below ``work``
    (``REWRITTEN``) with its wanted columns only. Raises FileRefused where the file's quotes do not close.
    """
    if found.sheet is not None:
        # The guard lets no U+0000 into a text file; a cell of a workbook can write it as _x0000_.
        return _sheet(path, found).with_columns(without_controls(pl.all())).lazy()
    if (inspected.encoding or "utf-8").lower() in _UTF8 and not _old_line_ends(path):
        return _scan(
            path, found.delimiter or ",", found.header_lines, found.columns.width, found.columns.read
        )
    kept = work / REWRITTEN
    _rewrite(path, inspected, found, kept)
    names = [*found.columns.read.values(), BEYOND]
    return _scan(kept, ",", 0, len(names), dict(enumerate(names))).drop(f"{BEYOND}_more").select(names)


def without_controls(text: pl.Expr) -> pl.Expr:
    """Control characters become U+FFFD: no code, day or word has that, so the row rules refuse the cell."""
    return text.str.replace_all(_CONTROLS, "\ufffd")


def _scan(path: Path, delimiter: str, skip: int, width: int, read: dict[int, str]) -> pl.LazyFrame:
    # One column more than the header has: `insert` fills it with nulls, and a row with too many fields
    # puts its surplus there, so that it is seen although the columns beside it are not read.
    surplus = f"{BEYOND}_more" if BEYOND in read.values() else BEYOND
    names = [read.get(position, f"_{position}") for position in range(width)] + [surplus]
    return pl.scan_csv(
        path,
        separator=delimiter,
        has_header=False,
        skip_lines=skip,
        schema=dict.fromkeys(names, pl.String),
        missing_columns="insert",
        extra_columns="ignore",
        truncate_ragged_lines=True,
        # A quoted empty field is an empty one, and so is what databases write for it.
        null_values=["", "NULL", "null"],
    ).select(*read.values(), surplus)


def _sheet(path: Path, found: RecognisedList) -> pl.DataFrame:
    wanted = found.columns.read

    def is_wanted(column: Any) -> bool:
        return column.absolute_index in wanted

    # The parser holds the sheet's whole rectangle: 300,000 rows x 15 columns take it 450 MB and 2.5 s.
    sheet = fastexcel.read_excel(path).load_sheet(
        str(found.sheet),
        header_row=found.header_row - 1,
        dtypes="string",
        use_columns=is_wanted,
        whitespace_as_null=True,
    )
    positions = [column.absolute_index for column in sheet.selected_columns]
    frame: pl.DataFrame = sheet.to_polars()
    frame.columns = [wanted[position] for position in positions]
    return frame.with_columns(pl.lit(None, dtype=pl.String).alias(BEYOND))


def _rewrite(path: Path, inspected: Inspected, found: RecognisedList, kept: Path) -> None:
    """The wanted columns as UTF-8 CSV without a header; no other value is written."""
    width, positions = found.columns.width, list(found.columns.read)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with (
        path.open(encoding=inspected.encoding, newline="") as source,
        kept.open("w", encoding="utf-8", newline="") as target,
    ):
        records = csv.reader(source, delimiter=found.delimiter or ",")
        writer = csv.writer(target)
        try:
            for number, cells in enumerate(records, 1):
                if number > found.header_row:
                    chosen = [cells[place] if place < len(cells) else "" for place in positions]
                    writer.writerow([*chosen, "x" if any(cells[width:]) else ""])
        except csv.Error as error:
            raise broken_csv(str(error)) from error


def _old_line_ends(path: Path) -> bool:
    with path.open("rb") as handle:
        head = handle.read(65_536)
    return b"\r" in head and b"\n" not in head


def broken_csv(why: str) -> FileRefused:
    """The refusal of a CSV whose records cannot be told apart. ``why`` must hold no cell of the file."""
    return FileRefused(
        f"the CSV's quotes do not match ({why})",
        "export the list again with every text quoted",
        rule="layout.csv_broken",
        message_vi="Tệp CSV có dấu ngoặc kép không khép, không tách được các dòng một cách chắc chắn.",
        remedy_vi="Xuất lại danh sách dạng CSV UTF-8 từ hệ thống (không sửa tay), hoặc gửi dạng .xlsx.",
    )
