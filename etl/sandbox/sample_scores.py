"""Scores as the portal reckons them, in whole hundredths of a point.

Rules and the Vietnamese names are those of ``docs/portal.md`` and
``catalogue.yaml``; they stand here a second time on purpose, because the sandbox plays the
other side. Whole numbers keep "round half up to two decimals" exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

# (numerator, denominator)
Share = tuple[int, int]


@dataclass(frozen=True)
class MetricRule:
    """One metric of a metric-shaped group. ``threshold`` in percent gives full marks early;
    ``max_score`` 0 is published but not scored."""

    code: str
    name: str
    max_score: int
    threshold: int = 100


TRANSPARENCY_RULES = (
    MetricRule("PUBLISH_ON_TIME", "Tỷ lệ TTHC công bố đúng hạn", 6),
    MetricRule("PUBLIC_UPDATE_ON_TIME", "Tỷ lệ TTHC cập nhật, công khai đúng hạn", 4),
    MetricRule("PUBLIC_CONTENT_FULL", "Tỷ lệ TTHC công khai đầy đủ nội dung", 2),
    MetricRule("DOSSIER_SYNC", "Tỷ lệ hồ sơ đồng bộ lên Cổng DVCQG", 6),
)
DIGITIZED_RULES = (
    MetricRule(
        "ORIGINAL_RESULT_AVAILABLE",
        "Tỷ lệ hồ sơ thủ tục hành chính có cấp kết quả giải quyết thủ tục hành chính điện tử",
        6,
    ),
    MetricRule("SO_HOA_GIAY_TO_GIAI_QUYET", "Tỷ lệ hồ sơ thủ tục hành chính thực hiện số hóa hồ sơ", 4),
    MetricRule(
        "REUSED_DIGITIZED_DATA", "Tỷ lệ hồ sơ khai thác, sử dụng lại thông tin, dữ liệu số hóa", 2, 80
    ),
    MetricRule(
        "SYNCED_WITH_DVCQG_PERSONAL_STORAGE",
        "Tỷ lệ hồ sơ TTHC được số hóa có kết nối, chia sẻ dữ liệu phục vụ tái sử dụng",
        4,
    ),
    MetricRule("CITIZEN_DATA_CONNECTED_DOSSIER", "Tỷ lệ hồ sơ TTHC có sử dụng thông tin, dữ liệu dân cư", 2),
    MetricRule(
        "CITIZEN_DATA_CONNECTED_FORMALITY",
        "Tỷ lệ TTHC triển khai kết nối, chia sẻ dữ liệu dân cư phục vụ GQ TTHC",
        2,
    ),
)
CERTIFIED_COPY_RULE = MetricRule(
    "ELECTRONIC_CERTIFIED_COPY", "Tỷ lệ cung cấp dịch vụ chứng thực bản sao điện tử từ bản chính", 2
)
SATISFACTION_RULES = (
    MetricRule("PETITION_CLASSIFICATION_TTHC", "Tỷ lệ PAKN về quy định, thủ tục hành chính", 0),
    MetricRule("DOSSIER_RECEIVING_SATISFACTION", "Tỷ lệ hài lòng trong tiếp nhận, giải quyết TTHC", 6, 90),
    MetricRule("PETITION_PROCESSING_ON_TIME", "Tỷ lệ PAKN xử lý đúng hạn", 6),
    MetricRule("PETITION_HANDLING_SATISFACTION", "Tỷ lệ hài lòng trong xử lý PAKN", 6),
    MetricRule("PETITION_CLASSIFICATION_STAFF", "Tỷ lệ PAKN về hành vi cán bộ, công chức, viên chức", 0),
)


def half_up(numerator: int, denominator: int) -> int:
    """The quotient of two non-negative whole numbers, halves up."""
    return (2 * numerator + denominator) // (2 * denominator)


def percent(numerator: int, denominator: int) -> int:
    """Hundredths of a percent; 0 where nothing was counted."""
    return half_up(10_000 * numerator, denominator) if denominator else 0


def score(rule: MetricRule, numerator: int, denominator: int) -> int:
    """min(max, max × ratio / threshold) in hundredths; 0 where nothing was counted."""
    if not denominator:
        return 0
    earned = half_up(rule.max_score * 10_000 * numerator, rule.threshold * denominator)
    return min(rule.max_score * 100, earned)


def progress_score(on_time: int, received: int) -> int:
    """20 × share on time (2.1); 0 where nothing was received."""
    return half_up(2_000 * on_time, received) if received else 0


def payment_score(fee_tthc: Share, paid_tthc: Share, paid_dossiers: Share) -> int:
    """min(2, 2.5 B) + min(2, 2.5 C) + 6 A, rounded once (``catalogue.yaml``, TTTT)."""
    half = Fraction(5, 2)
    points = _part(2, half, fee_tthc) + _part(2, half, paid_tthc) + _part(6, Fraction(6), paid_dossiers)
    return half_up(100 * points.numerator, points.denominator)


def online_score(provided: Share, with_dossiers: Share, online: Share) -> int:
    """min(2, 2 r1/0.8) + 4 r2 + min(6, 6 r3/0.5), rounded once (``catalogue.yaml``, CLGQ: a hypothesis)."""
    points = _part(2, Fraction(5, 2), provided) + _part(4, Fraction(4), with_dossiers)
    points += _part(6, Fraction(12), online)
    return half_up(100 * points.numerator, points.denominator)


def _part(most: int, weight: Fraction, share: Share) -> Fraction:
    """Points of one part; a part with denominator 0 counts 0."""
    numerator, denominator = share
    return min(Fraction(most), weight * Fraction(numerator, denominator)) if denominator else Fraction(0)


def number(hundredths: int) -> int | float:
    """As the portal writes it: 17, not 17.0; 17.5, not 17.50."""
    return hundredths // 100 if hundredths % 100 == 0 else hundredths / 100
