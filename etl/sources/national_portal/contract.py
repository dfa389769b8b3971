"""Shapes of the portal's replies, strict on the fields we read, keeping every field we do not.

A number must be a JSON number, a count a whole one: text, booleans and silent roundings
are refused, field by field (``docs/portal.md``).
"""

from __future__ import annotations

import re
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

# The warehouse keeps six decimals; the portal publishes two.
_MOST_DECIMALS = 6
_MOST_WHOLE_DIGITS = 12
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_STEP = Decimal(1).scaleb(-_MOST_DECIMALS)
# Wide enough for every number that passes, and silent about exponents such as 1e-9999999.
_WIDE = Context(prec=2 * (_MOST_WHOLE_DIGITS + _MOST_DECIMALS), Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])


def _number(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("must be a JSON number or null")  # noqa: TRY004 - pydantic collects ValueErrors
    number = Decimal(value)
    if not number:
        return Decimal(0)
    # adjusted() is the power of ten of the first digit: no huge number is ever written out
    stored = number.quantize(_STEP, context=_WIDE) if number.adjusted() < _MOST_WHOLE_DIGITS else None
    if stored != number:
        raise ValueError(f"must have at most {_MOST_DECIMALS} decimals and {_MOST_WHOLE_DIGITS} whole digits")
    return stored


def _count(value: Any) -> Any:
    number = _number(value)
    if number is None:
        return None
    if number != number.to_integral_value():
        raise ValueError("must be a whole number or null")
    return int(number)


def _storable(value: str) -> str:
    # half a surrogate pair is no UTF-8, and PostgreSQL's text cannot hold U+0000
    if _UNSTORABLE.search(value):
        raise ValueError("must not contain U+0000 or half a surrogate pair")
    return value


Number = Annotated[Decimal | None, BeforeValidator(_number)]
Count = Annotated[int | None, BeforeValidator(_count)]
Text = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_storable)]
OptionalText = Annotated[str, AfterValidator(_storable)] | None


class _Open(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class Metric(_Open):
    """One scored line of a metric-shaped group."""

    code: Text
    name: Text
    numerator: Count
    denominator: Count
    ratio: Number
    score: Number
    maxScore: Number
    dataQualityStatus: OptionalText = None
    dataQualityMessage: OptionalText = None


class Entity(_Open):
    """What every entity has: the only key common to all endpoints, and a name that drifts."""

    departmentId: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
    departmentName: Text
    departmentCode: OptionalText = None
    ratio: Number


class MetricEntity(Entity):
    """Transparency, digitization, satisfaction. ``metrics`` are judged one by one by the reader."""

    departmentType: Text
    totalScore: Number
    totalMaxScore: Number
    metrics: list[Any]


class ProgressRoot(Entity):
    """Parent of the progress tree: it has no totalOverdue."""

    totalReceived: Count
    totalOnTime: Count
    totalCompleted: Count
    avgProcessingDays: Number
    totalScore: Number
    totalMaxScore: Number


class ProgressUnit(Entity):
    """Child of the progress tree: score, not totalScore."""

    level: Text
    totalReceived: Count
    totalOnTime: Count
    totalOverdue: Count
    avgProcessingDays: Number
    score: Number
    maxScore: Number


class OnlineRoot(Entity):
    """Parent of the online-service tree, the only one with parameters."""

    totalScore: Number
    totalMaxScore: Number
    authorityCount: Count
    partialCount: Count
    fullCount: Count
    onlineDossierCount: Count
    onlineServiceTotal: Count
    channelOnlineSum: Count
    channelDirectSum: Count
    channelPostalSum: Count
    channelTotalSum: Count


class OnlineUnit(Entity):
    """Child of the online-service tree: a score without parameters."""

    level: Text
    totalScore: Number
    totalMaxScore: Number


class PaymentRoot(Entity):
    """Parent of the payment tree."""

    totalScore: Number
    totalMaxScore: Number
    totalDossierOnlinePaymentSuccess: Count
    totalDossierFinancialObligation: Count
    totalDossierOnlineFormalityPaymentSuccess: Count
    totalFeeDossierFormalityDistinct: Count
    totalFeeDossierFormality: Count
    totalFeeFormality: Count


class PaymentUnit(PaymentRoot):
    """Child of the payment tree."""

    level: Text


class GroupScores(_Open):
    """Six group scores of a province; a code that is missing stays missing."""

    CKMB: Number = None
    TDGQ: Number = None
    CLGQ: Number = None
    TTTT: Number = None
    MDSH: Number = None
    MDHL: Number = None


class NationalProvince(Entity):
    """A province on the national page."""

    departmentCode: Text
    totalScore: Number
    groupScores: GroupScores


class NationalOverview(_Open):
    """The country on the national page: it has no id and no code."""

    departmentName: Text
    totalScore: Number
    totalMaxScore: Number
    ratio: Number


# (root, unit) model of each group; the place of the root and of the units in ``data``.
SHAPES: dict[str, tuple[type[_Open], type[_Open], str, str]] = {
    "CKMB": (MetricEntity, MetricEntity, "overview", "evaluation"),
    "TDGQ": (ProgressRoot, ProgressUnit, "parent", "children"),
    "CLGQ": (OnlineRoot, OnlineUnit, "parent", "children"),
    "TTTT": (PaymentRoot, PaymentUnit, "parent", "children"),
    "MDSH": (MetricEntity, MetricEntity, "overview", "evaluation"),
    "MDHL": (MetricEntity, MetricEntity, "overview", "evaluation"),
    "NATIONAL": (NationalOverview, NationalProvince, "overview", "evaluation"),
}
