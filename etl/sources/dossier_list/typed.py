"""From a list's text to values: codes, days, statuses, flags.

Most of a list is written one way, so the scan reads that way in its stream (``quick``), and only rows that
it could not read are read again in every other way the offices write (``finish``). What then still stands
there unread is marked, not dropped: the row rules refuse it by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
import polars.selectors as cs

from etl.sources.dossier_list.columns import DATES, FLAGS
from etl.sources.dossier_list.scan import BEYOND
from etl.validate.rows import UNREADABLE

RAW = "raw:{}"
MOMENT = pl.Datetime("us")
# Widest first; zone-aware ones are turned into Vietnam's time. Day before month, as Vietnam writes it.
FORMATS = (
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y",
    "%H:%M:%S %d/%m/%Y",
    "%H:%M %d/%m/%Y",
)
_ZONED = "%Y-%m-%dT%H:%M:%S%.f%#z"
# What a value may be at most: a year of two digits would be read as the year 26.
_FIRST, _LAST = datetime(2000, 1, 1), datetime(2099, 12, 31, 23, 59, 59)  # noqa: DTZ001 - the list's own local time
_REACH: Mapping[str, tuple[Any, Any]] = dict.fromkeys(DATES, (_FIRST, _LAST)) | {
    "status": (1, 10),
    "channel": (1, 3),
}

# Folded texts (lower case, no marks, letters and digits only) to values: domain brief, source 4b.
STATUSES: Mapping[str, int] = {
    "moidangky": 1,
    "duoctiepnhan": 2,
    "datiepnhan": 2,
    "khongduoctiepnhan": 3,
    "khongtiepnhan": 3,
    "tuchoitiepnhan": 3,
    "dangxuly": 4,
    "danggiaiquyet": 4,
    "yeucaubosung": 5,
    "yeucaubosunggiayto": 5,
    "chobosung": 5,
    "yeucauthuchiennghiavutaichinh": 6,
    "yeucaunghiavutaichinh": 6,
    "congdanrut": 7,
    "congdanyeucaurut": 7,
    "congdanyeucauruthoso": 7,
    "ruthoso": 7,
    "dungxuly": 8,
    "tamdungxuly": 8,
    "daxulyxong": 9,
    "daxuly": 9,
    "dagiaiquyet": 9,
    "datraketqua": 10,
    "datra": 10,
} | {str(number): number for number in range(1, 11)}
CHANNELS: Mapping[str, int] = {
    "1": 1,
    "tructiep": 1,
    "noptructiep": 1,
    "2": 2,
    "tructuyen": 2,
    "noptructuyen": 2,
    "online": 2,
    "3": 3,
    "buuchinh": 3,
    "buuchinhcongich": 3,
    "quabuuchinh": 3,
    "quabuudien": 3,
}
_YES, _NO = ("1", "true", "co", "yes", "y"), ("0", "false", "khong", "no", "n")
# In a column of marks an empty cell means "no"; anywhere else it means nothing.
_MARKS = ("x", "v", "✓", "✔", "☑")
BOOLEANS: Mapping[str, bool] = dict.fromkeys((*_YES, *_MARKS), True) | dict.fromkeys(_NO, False)
# What databases write for an empty cell.
_EMPTY = ("", "null")

_STEM = re.compile(r"^(?P<unit>(?:\d{3}(?:\.\d{2,3}){2}\.)?[A-Z]\d{2}(?:\.\d{1,4})*)-(?P<day>\d{6})-$")
_LONGEST_NUMBER = 10
_DIGITS = "0123456789"


@dataclass(frozen=True)
class Writing:
    """How a list writes its days (field to format) and which flag columns are columns of marks."""

    formats: Mapping[str, str]
    marked: frozenset[str] = frozenset()


def writing_of(sample: pl.DataFrame) -> Writing:
    """Look at the first rows (text columns by field): the format that reads most of each date column."""
    formats = {}
    for name in DATES:
        if name in sample.columns:
            texts = sample[name].str.strip_chars()
            formats[name] = max(FORMATS, key=lambda each: _moments(texts, each).count())
    marked = {
        name
        for name in FLAGS
        if name in sample.columns
        and (values := set(sample[name].str.strip_chars().str.to_lowercase().drop_nulls()) - {""})
        and values <= set(_MARKS)
    }
    return Writing(formats, frozenset(marked))


def quick(fields: Sequence[str], writing: Writing) -> list[pl.Expr]:
    """What the scan computes in its stream: every field as value, and its text beside it."""
    made: list[pl.Expr] = [pl.col(name).alias(RAW.format(name)) for name in fields]
    for name in fields:
        text = pl.col(name)
        if name in DATES:
            made.append(
                text.str.to_datetime(writing.formats[name], strict=False, time_unit="us", cache=False)
            )
        elif name in FLAGS:
            made.append(pl.when(text == "1").then(True).when(text == "0").then(False).alias(name))
        elif name in ("status", "channel"):
            made.append(text.cast(pl.Int8, strict=False))
        elif name == "code":
            made += [text, text.str.strip_chars_end(_DIGITS).alias("stem")]
        else:
            made.append(text)
    return [*made, pl.col(BEYOND)]


def finish(batch: pl.DataFrame, fields: Sequence[str], writing: Writing) -> pl.DataFrame:
    """Read again what ``quick`` could not, and mark what nobody can read (``<field>_unreadable``)."""
    made: list[pl.Series] = []
    for name in fields:
        if name in ("code", "unit_code"):
            continue
        values, texts = batch[name], batch[RAW.format(name)]
        if name in _REACH:
            values = _within(values, *_REACH[name])
        if values.null_count() == texts.null_count():  # the common case: every text was read
            unread = pl.repeat(False, batch.height, eager=True)
        else:
            values, unread = _read_again(name, values, texts, texts.is_not_null() & values.is_null())
        if name in writing.marked:
            values = values.set(values.is_null() & ~unread, False)
        made += [values.rename(name), unread.rename(UNREADABLE.format(name))]
    # The texts leave here: what comes later would copy them along with the values.
    return batch.drop(cs.starts_with(RAW.format(""))).with_columns(made)


def _read_again(
    name: str, values: pl.Series, texts: pl.Series, unread: pl.Series
) -> tuple[pl.Series, pl.Series]:
    places = unread.arg_true()
    again = texts.gather(places).str.strip_chars()
    blank = again.str.to_lowercase().is_in(_EMPTY)
    if name in DATES:
        read = _within(_any_moment(again), _FIRST, _LAST)
    else:
        table: Mapping[str, Any] = (
            STATUSES if name == "status" else CHANNELS if name == "channel" else BOOLEANS
        )
        read = (
            again.to_frame("text")
            .select(folded(pl.col("text")))
            .to_series()
            .replace_strict(table, default=None, return_dtype=values.dtype)
        )
    values = values.scatter(places, read)
    return values, unread.scatter(places, read.is_null() & ~blank)


def folded(texts: pl.Expr) -> pl.Expr:
    """Lower case, no marks, letters and digits only; a cell's check mark stays, and U+FFFD, which was no letter."""
    plain = texts.str.to_lowercase().str.normalize("NFD").str.replace_all("đ", "d", literal=True)
    return plain.str.replace_all(r"\.0$|[^a-z0-9✓✔☑\ufffd]", "")


def _any_moment(texts: pl.Series) -> pl.Series:
    read = pl.Series(texts.name, [None] * 0, dtype=MOMENT).extend_constant(None, texts.len())
    for each in FORMATS:
        left = read.is_null() & texts.is_not_null()
        if not left.any():
            return read
        read = read.zip_with(~left, _moments(texts, each))
    zoned = texts.str.to_datetime(_ZONED, strict=False, time_unit="us")
    local = zoned.dt.convert_time_zone("Asia/Ho_Chi_Minh").dt.replace_time_zone(None)
    return read.zip_with(read.is_not_null(), local)


def _moments(texts: pl.Series, pattern: str) -> pl.Series:
    moments = texts.str.to_datetime(pattern, strict=False, time_unit="us", cache=False)
    return _within(moments, _FIRST, _LAST)


def _within(values: pl.Series, least: Any, most: Any) -> pl.Series:
    lowest, highest = values.min(), values.max()
    if lowest is None or (lowest >= least and highest <= most):
        return values
    return values.set(~values.is_between(least, most), None)


class Units:
    """What a dossier code's beginning says: the unit it belongs to (longest known prefix), and its day."""

    def __init__(self, province_code: str, known: Sequence[str]) -> None:
        self.codes = sorted(set(known))
        self.kind = pl.Enum(self.codes)
        self._province = province_code
        self._known = frozenset(self.codes)
        self._seen: dict[str, str | None] = {}

    def read_codes(self, batch: pl.DataFrame) -> pl.DataFrame:
        """Adds ``unit``, ``unit_known``, ``code_of_province``, ``code_well_formed``, ``code_day``.

        Each looks at the distinct beginnings only (``H44.100-261008-``: a few thousand in a million rows).
        """
        made = self._beginnings(batch)
        places = (batch["code"].is_not_null() & ~made["code_well_formed"].fill_null(False)).arg_true()
        tidy = batch["code"].gather(places).str.strip_chars().str.to_uppercase()
        tidy = tidy.set(tidy == "", None)
        if not tidy.equals(batch["code"].gather(places)):  # blanks around it, or small letters
            codes = batch["code"].scatter(places, tidy)
            batch = batch.with_columns(codes, codes.str.strip_chars_end(_DIGITS).rename("stem"))
            made = self._beginnings(batch)
        return batch.drop("stem").with_columns(made.get_columns())

    def _beginnings(self, batch: pl.DataFrame) -> pl.DataFrame:
        stems = batch["stem"].unique()
        parts = pl.DataFrame({"stem": stems}).with_columns(
            pl.col("stem").str.extract_groups(_STEM.pattern).struct.unnest()
        )
        units = parts["unit"].unique().drop_nulls().to_list()
        table = pl.DataFrame(
            {
                "text": pl.Series(units, dtype=pl.String),
                "unit": pl.Series([self._unit(each) for each in units], dtype=self.kind),
                "ours": pl.Series([self._is_ours(each) for each in units], dtype=pl.Boolean),
            }
        )
        day = ("20" + pl.col("day")).str.to_date("%Y%m%d", strict=False)
        table = parts.rename({"unit": "text"}).join(table, on="text", how="left", maintain_order="left")
        table = table.select(
            "unit",
            (pl.col("unit").is_not_null() | ~pl.col("ours")).alias("unit_known"),
            pl.col("ours").alias("code_of_province"),
            pl.when(pl.col("stem").is_not_null()).then(day.is_not_null()).alias("code_well_formed"),
            day.alias("code_day"),
        )
        # One look-up of each text, then gathers by its number: a third of the time of a join.
        numbers = pl.int_range(stems.len(), dtype=pl.UInt32, eager=True)
        rows = table[batch["stem"].replace_strict(stems, numbers, return_dtype=pl.UInt32)]
        digits = batch["code"].str.len_bytes() - batch["stem"].str.len_bytes()
        counted = (digits >= 1) & (digits <= _LONGEST_NUMBER)
        if counted.all():  # nulls aside
            return rows
        formed = rows["code_well_formed"] & counted
        return rows.with_columns(formed.alias("code_well_formed"))

    def _unit(self, text: str) -> str | None:
        """The unit whose code is the longest beginning of ``text``, cut at its dots."""
        if text not in self._seen:
            self._seen[text] = next((each for each in _beginnings_of(text) if each in self._known), None)
        return self._seen[text]

    def _is_ours(self, text: str) -> bool:
        return _plain(text).split(".")[0] == self._province or text.split(".")[-1] == self._province


def _plain(code: str) -> str:
    """``000.00.00.H44`` is H44 (domain brief, section 5)."""
    return code.removeprefix("000.00.00.")


def _beginnings_of(code: str) -> list[str]:
    pieces = _plain(code).split(".")
    return [code, *(".".join(pieces[:count]) for count in range(len(pieces), 0, -1))]
