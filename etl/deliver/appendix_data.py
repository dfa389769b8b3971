"""What the appendix workbook of one province and period shows.

The dataclasses are the whole input of ``etl.deliver.appendix``: a test builds them by
hand, ``etl.deliver.appendix_load`` builds them from the views. Scores are points, ratios
percent; ``None`` is "the portal has no figure" everywhere and never means zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from etl.periods import Period

# The portal's order of groups; ``mart.unit_scorecard`` has one column for each.
GROUP_CODES = ("CKMB", "TDGQ", "CLGQ", "TTTT", "MDSH", "MDHL")
PROVINCE_BLOCK = "province"
# Kinds of mart.data_quality that compare the list of units with the previous like period's.
LOOKS_BACK = ("missing_unit", "new_unit")


@dataclass(frozen=True)
class Group:
    """One of the six groups; ``max_score`` in points as the portal's edition of the period has it."""

    code: str
    name: str
    max_score: Decimal | None


# Decision 766/QĐ-TTg as the portal shows it; the snapshot's own rows outrank these.
DECISION_GROUPS = (
    Group("CKMB", "Công khai, minh bạch", Decimal(18)),
    Group("TDGQ", "Tiến độ giải quyết", Decimal(20)),
    Group("CLGQ", "Dịch vụ công trực tuyến", Decimal(12)),
    Group("TTTT", "Thanh toán trực tuyến", Decimal(10)),
    Group("MDSH", "Số hóa hồ sơ", Decimal(22)),
    Group("MDHL", "Mức độ hài lòng", Decimal(18)),
)


@dataclass(frozen=True)
class UnitRow:
    """One unit's line (or the province's own, block ``province``). ``group_scores`` follows
    ``GROUP_CODES``; ``flags`` holds (indicator code, portal flag). A positive
    ``rank_change`` means places gained."""

    block: str
    unit_name: str
    group_scores: tuple[Decimal | None, ...]
    total: Decimal | None
    rank_in_block: int | None = None
    total_change: Decimal | None = None
    rank_change: int | None = None
    compared_period_id: str | None = None
    no_dossiers: bool = False
    flags: tuple[tuple[str, str], ...] = ()
    unit_code: str | None = None


@dataclass(frozen=True)
class IndicatorRow:
    """One line of the province's own table; ``level`` is total, group or component.

    ``value`` (in ``value_unit``) is for what is neither a ratio nor a score, such as days."""

    level: str
    indicator_code: str
    group_code: str | None
    name: str
    numerator: Decimal | None
    denominator: Decimal | None
    ratio_pct: Decimal | None
    score: Decimal | None
    max_score: Decimal | None
    value: Decimal | None = None
    value_unit: str | None = None
    quality_flag: str | None = None
    inherited: bool = False


@dataclass(frozen=True)
class NationalRank:
    """The province's place among the ranked provinces, from the national table's own capture."""

    rank: int | None
    ranked_provinces: int
    total: Decimal | None
    rank_change: int | None
    compared_period_id: str | None
    captured_at: datetime
    capture_sha256: str | None = None
    snapshot_id: str | None = None


@dataclass(frozen=True)
class QualityRow:
    """One thing the quality sheet tells; codes as in ``mart.data_quality``.

    ``expected`` of kind missing_unit and new_unit is the id of the period looked back to, always as text."""

    kind: str
    subject: str
    severity: str
    state: str
    observed: Decimal | str | None
    expected: Decimal | str | None
    detail: str


@dataclass(frozen=True)
class Restatement:
    """A value the portal changed between two captures of the same period; ``field`` is a column of
    ``mart.indicator_scores``, or ``presence`` where a unit or indicator came or went."""

    unit_name: str
    indicator_code: str
    field: str
    old_value: Decimal | str | None
    new_value: Decimal | str | None
    old_captured_at: datetime
    new_captured_at: datetime
    unit_code: str | None = None
    period_id: str | None = None  # the period the value is about; of a form's month, that month


@dataclass(frozen=True)
class Capture:
    """One answer of the source kept byte for byte."""

    group_code: str | None
    page: int | None
    captured_at: datetime
    sha256: str
    size_bytes: int
    endpoint: str | None
    address: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """The published state the workbook is made from."""

    snapshot_id: str
    source: str
    captured_at: datetime
    provisional: bool
    units: int
    rows: int
    captures: tuple[Capture, ...]


@dataclass(frozen=True)
class AppendixData:
    """Everything in one workbook. ``national`` is None when the period has no national table.

    ``compared_provisional``: the previous like period was last read while it still ran.
    ``restatements`` are changes of figures whose period had ended; ``moved_while_running``
    counts the changes between readings of the running period, which are no restatements."""

    province_code: str
    period: Period
    snapshot: Snapshot
    groups: tuple[Group, ...]
    province: UnitRow | None
    indicators: tuple[IndicatorRow, ...]
    units: tuple[UnitRow, ...]
    national: NationalRank | None
    quality: tuple[QualityRow, ...]
    restatements: tuple[Restatement, ...]
    compared_provisional: bool = False
    moved_while_running: int = 0
