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
from etl.reference.provinces import Province
from etl.sources.dossier_list.columns import DATES, Columns
from etl.sources.dossier_list.scan import without_controls
from etl.sources.dossier_list.typed import BOOLEANS, CHANNELS, RAW, STATUSES, folded
from etl.sources.tidy import REJECTED
from etl.validate.rows import HOLDS, RowRule

# A list with more refused cells than this is no list with faults in it: something is wrong with the whole.
# Nobody mends 50,000 cells one by one, and their sentences take 30 MB in a receipt.
MOST_REFUSED = 50_000

_UNIT_CODE = r"(?:\d{3}\.\d{2,3}\.\d{2,3}\.)?[A-Za-z]\d{2}(?:\.\d{1,4}){0,6}"
_CODE = rf"^{_UNIT_CODE}-\d{{1,8}}-\d{{1,8}}$"
_UNIT = rf"^{_UNIT_CODE}$"
# Days of this century only: what an office writes of a dossier, not a birthday or a telephone's digits (0987.65.4321).
_CLOCK = r"\d{1,2}:\d{2}(?::\d{1,2}(?:\.\d{1,6})?)?"
_MONTH, _DAY_NO, _YEAR = r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])", r"20\d{2}"
_DATE = "|".join(
    each
    for mark in ("/", r"\.", "-")
    for each in (f"{_DAY_NO}{mark}{_MONTH}{mark}{_YEAR}", f"{_YEAR}{mark}{_MONTH}{mark}{_DAY_NO}")
)
_DAY = rf"^\s*(?:{_CLOCK}\s+)?(?:{_DATE})(?:[ T]{_CLOCK}(?:Z|[+-]\d{{2}}:?\d{{2}})?)?\s*$"
# Any name has letters, and the shortest ("An", "Vy") two: of words only the known ones are shown.
_SHORT = r"^(?:\d{1,2}(?:\.0)?|[xXvV✓✔☑])$"
_WORDS = sorted(word for word in {*STATUSES, *CHANNELS, *BOOLEANS} if len(word) > 1)
_WORDS_SHAPE = r"^[\p{Latin}\p{M}\d .,()_-]{1,60}$"
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
    if field in ("code", "unit_code") or field in DATES:
        pattern = _CODE if field == "code" else _UNIT if field == "unit_code" else _DAY
        allowed = text.str.contains(pattern)
    else:
        known = folded(text).is_in(_WORDS) & text.str.contains(_WORDS_SHAPE)
        allowed = text.str.contains(_SHORT) | known
    shape = (
        without_controls(text.str.slice(0, _LONGEST_SHOWN))
        .str.replace_all(r"[\p{L}\p{M}]", "x")
        .str.replace_all(r"\p{N}", "9")
    )
    return pl.when(allowed).then(text).otherwise(shape)


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
        self._counts[rule.rule] = self._counts.get(rule.rule, 0) + rows.height
        if sum(self._counts.values()) > MOST_REFUSED:
            raise too_many(self._counts, self._headers, rule)
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

    def table(self) -> pa.Table:
        """Schema REJECTED, in the order of the file's rows."""
        parts = self._parts or [pl.DataFrame(schema=_SHAPE)]
        rows = pl.concat(parts, how="vertical_relaxed").sort("row_no", maintain_order=True)
        rows = rows.with_columns(pl.lit(self._sha256).alias("capture_sha256")).select(REJECTED.names)
        return rows.to_arrow().cast(REJECTED)


def too_many(counts: Mapping[str, int], headers: Mapping[str, str], rule: RowRule) -> FileRefused:
    """The refusal of a list whose cells are refused by the ten thousand. Names the commonest rule."""
    name, rows = max(counts.items(), key=lambda item: item[1])
    column = headers.get(rule.shows, rule.shows)
    return FileRefused(
        f"more than {MOST_REFUSED:,} cells are refused, {rows:,} of them by {name}",
        "mend the export as a whole; its rows are not listed one by one",
        rule="list.too_many_refused",
        message_vi=f"Hơn {MOST_REFUSED:,} ô bị từ chối".replace(",", ".")
        + f" (nhiều nhất: quy tắc {name}; gần đây nhất ở cột «{column}»), nên cả tệp không được nhận. "
        "Nhiều khả năng tệp xuất ra đã bị lệch cột.",
        remedy_vi="Mở tệp, kiểm tra giá trị có đúng cột với dòng tiêu đề hay không, rồi xuất lại danh sách đúng mẫu.",
    )


def other_province(code: str, names: Mapping[str, str], expected: Province) -> FileRefused:
    """The refusal of a list most of whose dossiers carry another province's ``code``. ``names``: code to name."""
    named = names.get(code)
    told = f"{named} (mã {code})" if named else f"tỉnh khác (mã {code})"
    return FileRefused(
        f"more than half of the dossiers are of {code}, not of {expected.code}",
        "put the file into its own province's folder",
        rule="list.other_province",
        message_vi=f"Danh sách này là của {told}, không phải của {expected.name}.",
        remedy_vi="Đặt tệp vào đúng thư mục của tỉnh.",
    )
