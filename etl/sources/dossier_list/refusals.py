"""Refused rows of a list as the receipt and the quarantine take them: place, column, rule, sentence.

A cell of a shifted row may hold a name or a number of a person, whatever its column is called. So a value
is shown only where it has the shape its column allows (a code, a day, a status); of anything else only the
shape is kept: letters become x, digits become 9.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
import pyarrow as pa

from etl.errors import FileRefused
from etl.sources.dossier_list.columns import DATES, Columns
from etl.sources.dossier_list.typed import RAW
from etl.sources.tidy import REJECTED
from etl.validate.rows import HOLDS, RowRule

# A list with more refused cells than this is no list with faults in it: something is wrong with the whole.
# Half a million rows with their sentences take about 300 MB.
MOST_REFUSED = 500_000

_CODE = r"^(?:\d{3}\.\d{2,3}\.\d{2,3}\.)?[A-Za-z]\d{1,2}[\d.]{0,12}-\d{1,8}-\d{1,8}$"
_DAY = r"^\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}(?:[ T][\d:.+Z]{1,15})?$"
_UNIT = r"^(?:\d{3}\.\d{2,3}\.\d{2,3}\.)?[A-Za-z]\d{1,2}[\d.]{0,12}$"
_SHORT = r"^.{1,3}$"
_LONGEST_SHOWN = 40

_SHAPE = {
    "row_no": pl.UInt32,
    "locator": pl.String,
    "column_name": pl.String,
    "value": pl.String,
    "rule": pl.String,
    "severity": pl.String,
    "message_vi": pl.String,
    "row_data": pl.String,
}


def shown(field: str, text: pl.Expr) -> pl.Expr:
    """The text where it has the shape of its field, else only its own shape."""
    allowed = (
        _CODE if field == "code" else _UNIT if field == "unit_code" else _DAY if field in DATES else _SHORT
    )
    shape = text.str.slice(0, _LONGEST_SHOWN).str.replace_all(r"\p{L}", "x").str.replace_all(r"\p{N}", "9")
    return pl.when(text.str.contains(allowed)).then(text).otherwise(shape)


class Refusals:
    """Refused cells as they come; ``add`` and ``add_repeats`` take typed rows, ``table`` gives REJECTED."""

    def __init__(self, columns: Columns, capture_sha256: str) -> None:
        self._headers = columns.headers
        self._fields = [name for name in columns.positions]
        self._sha256 = capture_sha256
        self._parts: list[pl.DataFrame] = []
        self.rows = 0
        self._counts: dict[str, int] = {}

    def add(self, refused: pl.DataFrame, texts: pl.DataFrame, rules: Sequence[RowRule]) -> None:
        """Rows that break `fail` rules, as RowJudge gives them, beside their text (same rows, same order)."""
        if refused.is_empty():
            return
        self.rows += refused.height
        cells = texts.select(*(shown(name, pl.col(RAW.format(name))).alias(name) for name in self._fields))
        rows = pl.concat(
            [refused.select("row_no", pl.selectors.starts_with(HOLDS.format(""))), cells], how="horizontal"
        ).with_columns(pl.struct(self._fields).struct.json_encode().alias("row_data"))
        for rule in rules:
            holds = HOLDS.format(rule.rule)
            if rule.severity == "fail" and holds in rows.columns:
                self._keep(rows.filter(~pl.col(holds)), rule, pl.lit(rule.sentence_vi))

    def add_repeats(self, rows: pl.DataFrame, rule: RowRule) -> None:
        """Rows of one code: ``row_no``, ``first`` (row of the first), and the typed fields."""
        if rows.is_empty():
            return
        self.rows += rows.height
        known = [name for name in self._fields if name in rows.columns]
        before, _, after = str(rule.sentence_vi).partition("{first}")
        sentence = pl.format(before + "dòng {}" + after, pl.col("first"))
        self._keep(rows.with_columns(pl.struct(known).struct.json_encode().alias("row_data")), rule, sentence)

    def _keep(self, rows: pl.DataFrame, rule: RowRule, sentence: pl.Expr) -> None:
        if rows.is_empty():
            return
        value = pl.col(rule.shows).cast(pl.String) if rule.shows in rows.columns else pl.lit(None, pl.String)
        self._parts.append(
            rows.select(
                "row_no",
                pl.format("row {}", "row_no").alias("locator"),
                pl.lit(self._headers.get(rule.shows, "(dòng)")).alias("column_name"),
                value.alias("value"),
                pl.lit(rule.rule).alias("rule"),
                pl.lit(rule.severity).alias("severity"),
                sentence.alias("message_vi"),
                "row_data",
            )
        )
        self._counts[rule.rule] = self._counts.get(rule.rule, 0) + rows.height
        if sum(self._counts.values()) > MOST_REFUSED:
            raise too_many(self._counts, self._headers, rule)

    def table(self) -> pa.Table:
        """Schema REJECTED, in the order of the file's rows."""
        parts = self._parts or [pl.DataFrame(schema=_SHAPE)]
        rows = pl.concat(parts, how="vertical_relaxed").sort("row_no", maintain_order=True)
        rows = rows.with_columns(pl.lit(self._sha256).alias("capture_sha256")).select(REJECTED.names)
        return rows.to_arrow().cast(REJECTED)


def too_many(counts: Mapping[str, int], headers: Mapping[str, str], rule: RowRule) -> FileRefused:
    """The refusal of a list whose rows are refused by the hundred thousand. Names the commonest rule."""
    name, rows = max(counts.items(), key=lambda item: item[1])
    column = headers.get(rule.shows, rule.shows)
    return FileRefused(
        f"more than {MOST_REFUSED:,} cells are refused, {rows:,} of them by {name}",
        "mend the export as a whole; its rows are not listed one by one",
        rule="list.too_many_refused",
        message_vi=f"Hơn {MOST_REFUSED:,} ô bị từ chối".replace(",", ".")
        + f" (nhiều nhất: quy tắc {name}; gần đây nhất ở cột «{column}»), nên cả tệp không được nhận.",
        remedy_vi="Lỗi lặp lại ở hầu hết các dòng thường do cách xuất dữ liệu; đề nghị xuất lại danh sách đúng mẫu.",
    )
