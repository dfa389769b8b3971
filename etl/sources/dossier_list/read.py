"""A dossier list to the form's measures: one pass over the file, in batches. No network, no clock.

scan (wanted columns, text) -> typed -> row rules -> refused rows aside, good rows counted by unit and day,
and everything with a readable code into ``dossiers.parquet`` (no personal column) for the reconciliation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from polars.io.plugins import register_io_source

from etl.errors import FileRefused
from etl.inbox.inspected import Inspected, SheetFacts
from etl.periods import VIETNAM, Period, Window
from etl.reference.provinces import Province, find_province, load_provinces
from etl.sources.digitization import LIST_SOURCE, RULE_COUNTS, STATED_TOTALS, DigitizationReading
from etl.sources.dossier_list.columns import DATES, FLAGS
from etl.sources.dossier_list.recognise import RecognisedList, recognise_list
from etl.sources.dossier_list.reduce import Tally, measures_for
from etl.sources.dossier_list.refusals import Refusals, other_province
from etl.sources.dossier_list.repeats import Repeats
from etl.sources.dossier_list.scan import BEYOND, REWRITTEN, broken_csv, scan_texts
from etl.sources.dossier_list.typed import MOMENT, RAW, Units, Writing, finish, quick, writing_of
from etl.sources.dossier_list.windows import settle_window
from etl.validate.rows import RowJudge, load_row_rules

# Raise it whenever the same bytes would give other figures: it is part of the snapshot's id.
READER = "dossier_list/2"
COPY, DAILY = "dossiers.parquet", "daily.parquet"

# The province in a code's beginning: "H44.100-…", "000.00.01.H44-…".
_PROVINCE = r"^(?:\d{3}\.\d{2,3}\.\d{2,3}\.)?([A-Z]\d{2})"

# 8 batches in 2 M rows. Twice as many rows are no faster and hold 100 MB more; a quarter costs 15 %.
_BATCH_ROWS = 262_144
_SAMPLE_ROWS = 2_000

# The columnar copy, whatever columns the list has: contract with reconcile.py.
COPY_SCHEMA = pl.Schema(
    {
        "row_no": pl.UInt32(),
        "code": pl.String(),
        "unit": pl.String(),
        "status": pl.Int8(),
        **dict.fromkeys(DATES, MOMENT),
        "channel": pl.Int8(),
        **dict.fromkeys(FLAGS, pl.Boolean()),
        "quarantined": pl.Boolean(),
    }
)


def read_list(
    path: Path,
    inspected: Inspected,
    *,
    province: Province,
    known_units: Mapping[str, tuple[str, str]],
    capture_id: str,
    capture_sha256: str,
    received_at: datetime,
    window: Window | None,
    calendar: str,
    out: Path,
    provinces_dir: Path | None = None,
) -> DigitizationReading:
    """Read a guarded dossier list and reduce it to one row of measures per unit.

    ``known_units``: unit code -> (name, block); ``received_at``: when the file was handed in (aware);
    ``window``: the days a person named, or None; ``calendar``: how a window that both calendars could mean
    is read (a stated or inferred window is unambiguous, so it has no effect today). Writes
    ``dossiers.parquet`` and ``daily.parquet`` into ``out``. ``provinces_dir``: settings of further provinces,
    to name the one a list is of. Raises FileRefused: not a list, a column missing, quotes that do not close,
    another province's list, no period, too many refused rows.
    """
    found = recognise_list(path, inspected)
    if found is None:
        raise _not_a_list()
    out.mkdir(parents=True, exist_ok=True)
    units = Units(province.code, list(known_units))
    reading = _Pass(path, inspected, found, units, received_at, capture_sha256)
    try:
        reading.run(out)
    except FileRefused:
        # A list of another province breaks other rules, too: where it is from says more than how many.
        _refuse_other_province(reading, province, provinces_dir)
        raise
    finally:
        # Copied text of the office's file: of no use once it is read, and nobody's to keep.
        (out / REWRITTEN).unlink(missing_ok=True)
    _refuse_other_province(reading, province, provinces_dir)
    first, last = reading.tally.received_days()
    chosen, how = settle_window(window, found.window, first, last)
    daily = reading.tally.daily()
    daily.write_parquet(out / DAILY)
    dossiers, outside = reading.tally.dossiers_in(chosen)
    ignored = {
        "blank": reading.blank,
        "not_received": reading.tally.not_received,
        "outside_window": outside,
    }
    return DigitizationReading(
        source=LIST_SOURCE,
        layout=found.layout,
        first=chosen.first,
        last=chosen.last,
        units=measures_for(daily, chosen, known_units, capture_id=capture_id, capture_sha256=capture_sha256),
        totals=pa.Table.from_batches([], STATED_TOTALS),
        rejected=reading.refusals.table(),
        rows_read=reading.rows_read,
        rows_quarantined=reading.refusals.rows,
        ignored={kind: rows for kind, rows in ignored.items() if rows},
        notes_vi=(how, *found.columns.notes_vi()),
        dossiers=dossiers,
        rule_counts=reading.rule_counts(),
        is_sample=found.is_sample,
    )


def read_list_apart(argument: Mapping[str, Any]) -> dict[str, Any]:
    """``read_list`` for a limited child process: JSON in, the reading saved in ``out``.

    ``argument``: path, inspected (as dict), province (slug) and provinces_dir (or null), known_units, capture_id,
    capture_sha256, received_at, window ([first, last, kind, period id] or null), calendar, out.
    """
    body = argument["inspected"]
    sheets = tuple(_facts(sheet) for sheet in body["sheets"])
    folder = argument.get("provinces_dir")
    reading = read_list(
        Path(argument["path"]),
        Inspected(**{**body, "sheets": sheets}),
        province=find_province(argument["province"], Path(folder) if folder else None),
        known_units={code: (name, block) for code, (name, block) in argument["known_units"].items()},
        capture_id=argument["capture_id"],
        capture_sha256=argument["capture_sha256"],
        received_at=datetime.fromisoformat(argument["received_at"]),
        window=_window(argument["window"]),
        calendar=argument["calendar"],
        out=Path(argument["out"]),
        provinces_dir=Path(folder) if folder else None,
    )
    reading.save(Path(argument["out"]))
    return {"folder": argument["out"], "rows_read": reading.rows_read}


def open_list(path: Path, inspected: Inspected, work: Path) -> pl.LazyFrame:
    """A list as a lazy frame of typed columns (COPY_SCHEMA without ``quarantined``; ``unit`` is what stands
    before the code's day), unchecked, for comparing two lists straight from their files.

    ``work``: a folder for what cannot be streamed as it is. Raises FileRefused when it is no list.
    """
    found = recognise_list(path, inspected)
    if found is None:
        raise _not_a_list()
    texts = scan_texts(path, inspected, found, work)
    fields = list(found.columns.read.values())
    writing = writing_of(texts.head(_SAMPLE_ROWS).collect())
    names = [name for name in COPY_SCHEMA if name not in ("row_no", "quarantined")]
    schema = {name: COPY_SCHEMA[name] for name in names}

    def whole(batch: pl.DataFrame) -> pl.DataFrame:
        typed = finish(batch, fields, writing).with_columns(
            pl.col("code").str.strip_chars(), pl.col("stem").str.replace(r"-\d{6}-$", "").alias("unit")
        )
        return _as_copy(typed).select(names)

    return texts.select(quick(fields, writing)).map_batches(whole, schema=schema, streamable=True)


class _Pass:
    """One reading under way: what has been counted, refused and set aside so far."""

    def __init__(
        self,
        path: Path,
        inspected: Inspected,
        found: RecognisedList,
        units: Units,
        received_at: datetime,
        capture_sha256: str,
    ) -> None:
        self._file = (path, inspected, found)
        self._first_row = found.header_row + 1
        self._fields = list(found.columns.read.values())
        self._units = units
        self._rules = load_row_rules(LIST_SOURCE)
        self._values = {"received_at": received_at.astimezone(VIETNAM).replace(tzinfo=None)}
        self._failure: Exception | None = None
        self._judge: RowJudge | None = None
        self._counts: dict[str, int] = {}
        self.refusals = Refusals(found.columns, capture_sha256)
        self.repeats = Repeats()
        self.tally = Tally(_available(self._fields))
        self.rows_read = self.blank = 0
        # Province codes of dossiers that are not of the list's own province, with their rows.
        self.foreign: Counter[str] = Counter()

    def run(self, out: Path) -> None:
        """Stream the file once; then settle the dossiers listed twice."""
        path, inspected, found = self._file
        copy = out / COPY
        texts = scan_texts(path, inspected, found, out)
        try:
            writing = writing_of(texts.head(_SAMPLE_ROWS).collect())
            # A generator as a source: polars writes (and packs) one batch while the next is being judged.
            register_io_source(lambda *_: self._batches(texts, writing), schema=COPY_SCHEMA).sink_parquet(
                copy, compression="lz4", statistics=False
            )
        except pl.exceptions.ComputeError as error:
            raise self._failure or broken_csv("a field is opened and never closed") from error
        if self._failure is not None:
            raise self._failure
        self._take_out_repeats(copy)

    def rule_counts(self) -> pa.Table:
        """Schema RULE_COUNTS: every rule that was asked, in the order of their file."""
        asked = [rule for rule in self._rules.rules if rule.rule in self._counts]
        counts = {
            "rule": [rule.rule for rule in asked],
            "severity": [rule.severity for rule in asked],
            "rows": [self._counts[rule.rule] for rule in asked],
            "title_vi": [rule.title_vi for rule in asked],
        }
        # By way of polars: pyarrow's own arrays of Python values import pandas first (0.5 s).
        return pl.DataFrame(counts).to_arrow().cast(RULE_COUNTS)

    def _batches(self, texts: pl.LazyFrame, writing: Writing) -> Iterator[pl.DataFrame]:
        """The rows of the columnar copy. An exception would reach the caller as polars' own: it is kept aside."""
        try:
            typed = texts.select(quick(self._fields, writing))
            for batch in typed.collect_batches(chunk_size=_BATCH_ROWS, maintain_order=True):
                yield self._one(batch, writing)
        except Exception as error:  # noqa: BLE001 - raised again by run()
            self._failure = broken_csv("a field is opened and never closed") if _is_csv(error) else error

    def _one(self, batch: pl.DataFrame, writing: Writing) -> pl.DataFrame:
        numbers = pl.int_range(pl.len(), dtype=pl.UInt32) + (self._first_row + self.rows_read)
        self.rows_read += batch.height
        batch = self._without_blank(batch.with_columns(numbers.alias("row_no")))
        texts = batch.select("row_no", pl.selectors.starts_with(RAW.format("")))
        rows = self._units.read_codes(finish(batch, self._fields, writing))
        rows = rows.with_columns(self._derived())
        if self._judge is None:
            self._judge = RowJudge(self._rules, rows.schema, self._values)
        judged = self._judge.judge(rows)
        for rule, found in judged.counts.items():
            self._counts[rule] = self._counts.get(rule, 0) + found
        if judged.counts.get("code_province"):
            self._count_foreign(judged.refused)
        if judged.refused.height:
            places = texts["row_no"].search_sorted(judged.refused["row_no"])
            self.refusals.add(judged.refused, texts[places], self._judge.asked)
        self.tally.add(judged.good)
        self.repeats.add(judged.good)
        kept = judged.refused.filter("code_well_formed")
        good = _as_copy(judged.good, quarantined=False)
        return good if kept.is_empty() else pl.concat([good, _as_copy(kept, quarantined=True)])

    def _count_foreign(self, refused: pl.DataFrame) -> None:
        codes = refused.filter(~pl.col("code_of_province"))["code"]
        for code, rows in codes.str.extract(_PROVINCE, 1).drop_nulls().value_counts().iter_rows():
            self.foreign[code] += rows

    def _without_blank(self, batch: pl.DataFrame) -> pl.DataFrame:
        """A record with nothing in any column that is read is an empty line, or says nothing of a dossier."""
        suspect = batch.filter(pl.col("code").is_null())
        texts = [pl.col(RAW.format(name)) for name in self._fields] + [pl.col(BEYOND)]
        blank = suspect.filter(
            pl.all_horizontal(*(text.is_null() | (text.str.strip_chars() == "") for text in texts))
        )
        self.blank += blank.height
        return batch.filter(~pl.col("row_no").is_in(blank["row_no"].implode())) if blank.height else batch

    def _derived(self) -> list[pl.Expr]:
        made = []
        if "result_digitized" in self._fields:
            made.append(_result_counted("has_paper_result" in self._fields))
        if "unit_code" in self._fields:
            own = pl.col("unit").cast(pl.String)
            made.append(
                (pl.col("unit_code").str.strip_chars().str.starts_with(own)).alias("unit_column_agrees")
            )
        return made

    def _take_out_repeats(self, copy: Path) -> None:
        rows = self.repeats.settle(copy).with_columns(pl.col("unit").cast(self._units.kind))
        if "result_counted" in self.tally.available:
            rows = rows.with_columns(_result_counted("has_paper_result" in self._fields))
        self.tally.add(rows, -1)
        for rule in self._rules.rules:
            if rule.kind in ("unique", "agrees_with_repeat"):
                mine = rows.filter(pl.col("conflict") == (rule.kind == "agrees_with_repeat"))
                self._counts[rule.rule] = mine.height
                self.refusals.add_repeats(mine, rule)


def _refuse_other_province(reading: _Pass, province: Province, provinces_dir: Path | None) -> None:
    """Raises FileRefused where most rows read so far are of another province: a file in the wrong folder."""
    if 2 * reading.foreign.total() > reading.rows_read - reading.blank:
        code = reading.foreign.most_common(1)[0][0]
        names = {each.code: each.name for each in load_provinces(provinces_dir).values()}
        raise other_province(code, names, province)


def _available(fields: list[str]) -> frozenset[str]:
    flags = {name for name in FLAGS[:3] if name in fields}
    return frozenset(flags | ({"result_counted"} if "result_digitized" in fields else set()))


def _result_counted(has_paper_column: bool) -> pl.Expr:
    """A procedure without a paper result counts as digitized (domain brief, source 4b)."""
    result = pl.col("result_digitized")
    if has_paper_column:
        result = pl.when(~pl.col("has_paper_result")).then(True).otherwise(result)
    return result.alias("result_counted")


def _as_copy(rows: pl.DataFrame, *, quarantined: bool = False) -> pl.DataFrame:
    made = []
    for name, kind in COPY_SCHEMA.items():
        if name == "quarantined":
            made.append(pl.lit(quarantined).alias(name))
        elif name in rows.columns:
            made.append(pl.col(name).cast(kind))
        else:
            made.append(pl.lit(None, dtype=kind).alias(name))
    return rows.select(made)


def _is_csv(error: Exception) -> bool:
    return isinstance(error, pl.exceptions.ComputeError)


def _facts(sheet: Mapping[str, Any]) -> SheetFacts:
    plain: dict[str, Any] = {}
    for key, value in sheet.items():  # JSON has no tuples
        plain[key] = tuple(value) if isinstance(value, list) else value
    return SheetFacts(**plain)


def _window(stated: list[str] | None) -> Window | None:
    if stated is None:
        return None
    first, last, kind, period = stated
    return Window(date.fromisoformat(first), date.fromisoformat(last), kind, Period.parse(period))


def _not_a_list() -> FileRefused:
    return FileRefused(
        "no header row of a dossier list in the first rows",
        "compare the header with etl/sources/dossier_list/columns.csv",
        rule="layout.not_recognised",
        message_vi="Không tìm thấy dòng tiêu đề của danh sách hồ sơ (mã hồ sơ, trạng thái, ngày tiếp nhận …).",
        remedy_vi="Xuất danh sách có dòng tiêu đề cột ở đầu tệp rồi gửi lại.",
    )
