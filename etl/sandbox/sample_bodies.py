"""Bodies of the six group endpoints, field by field as the portal writes them.

Every oddity here is the portal's own (``docs/portal.md``): the parent has
``totalScore`` where a child has ``score``; ``departmentCode`` is missing from two groups;
"no data" is null in two groups, 0 in trees and in 5.4, full marks in 5.2 and 5.3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from etl.sandbox.contract import DIGITIZED, ONLINE, PAYMENT, PROGRESS, SATISFACTION, TRANSPARENCY
from etl.sandbox.sample_counts import Count, Procedures
from etl.sandbox.sample_register import Figures
from etl.sandbox.sample_scores import (
    CERTIFIED_COPY_RULE,
    DIGITIZED_RULES,
    SATISFACTION_RULES,
    TRANSPARENCY_RULES,
    MetricRule,
    Share,
    half_up,
    number,
    online_score,
    payment_score,
    percent,
    progress_score,
    score,
)
from etl.sandbox.sample_units import root_name

Json = dict[str, object]

_SOURCES = {
    TRANSPARENCY: "reporting_766_transparency_* and reporting_dvc_calendar Mongo collections",
    DIGITIZED: "reporting_digitized_dossiers_daily Mongo collection",
    SATISFACTION: "reporting_766_satisfaction_petition_months, reporting_766_satisfaction_dossier_periods",
}
_TEMPORARY = (
    "TEMP_NATIONAL_REPORT_DENOMINATOR",
    "Mẫu số BCQG/GRIS đang dùng số tạm, cần thay bằng dữ liệu crawl hệ thống cũ.",
)
_NO_REPORT = ("NO_NATIONAL_REPORT_DATA", "Không có dữ liệu báo cáo tổng hợp.")
_GROUP_MAX = {TRANSPARENCY: 18, DIGITIZED: 22, SATISFACTION: 18}

# Month (1–12) → figures of that month, for the months of the asked period that are known.
Months = dict[int, Figures]


def group_scores(figures: Figures) -> dict[str, int]:
    """The province's six group scores in hundredths, as its own group answers show them."""
    root = len(figures.units)
    return {
        "CKMB": _total(_transparency_metrics(figures, root)),
        "TDGQ": progress_score(figures.of(Count.ON_TIME, root), figures.of(Count.RECEIVED, root)),
        "CLGQ": _province_online_score(figures),
        "TTTT": _payment_score(figures, root),
        "MDHL": _total(_satisfaction_metrics(figures, root)),
        "MDSH": _total(_digitized_metrics(figures, root)),
    }


def progress(figures: Figures, months: Months) -> Json:
    """dvc-progress-tree: parent, children and twelve months (0 outside the period)."""
    root = len(figures.units)
    received, on_time = figures.of(Count.RECEIVED, root), figures.of(Count.ON_TIME, root)
    parent: Json = _root_names(figures) | {
        "totalReceived": received,
        "totalOnTime": on_time,
        "totalCompleted": figures.of(Count.COMPLETED, root),
        "avgProcessingDays": _average_days(figures, root),
        "ratio": number(percent(on_time, received)),
        "totalScore": number(progress_score(on_time, received)),
        "totalMaxScore": 20,
    }
    chart = []
    for label, month in _twelve(months):
        share = (0, 0)
        if month is not None:
            done = percent(month.of(Count.ON_TIME, root), month.of(Count.RECEIVED, root))
            share = (done, 10_000 - done)
        chart.append({"month": label, "onTimePct": number(share[0]), "overduePct": number(share[1])})
    children = [_progress_child(figures, unit) for unit in range(root)]
    return {"parent": parent, "children": children, "monthlyChart": chart}


def online(figures: Figures, months: Months) -> Json:
    """provide-online-tree: only the parent publishes what the score was made of."""
    root = len(figures.units)
    authority, partial, full, services = figures.provision
    on_time, overdue = figures.of(Count.ONLINE_ON_TIME, root), figures.of(Count.ONLINE_OVERDUE, root)
    direct, postal = figures.of(Count.DIRECT, root), figures.of(Count.POSTAL, root)
    total = _province_online_score(figures)
    parent: Json = _root_names(figures) | {
        "totalScore": number(total),
        "totalMaxScore": 12,
        "ratio": number(percent(total, 1_200)),
        "authorityCount": authority,
        "partialCount": partial,
        "fullCount": full,
        "onlineDossierCount": _services_used(figures),
        "onlineServiceTotal": services,
        "channelOnlineSum": on_time + overdue,
        "channelDirectSum": direct,
        "channelPostalSum": postal,
        "channelTotalSum": on_time + overdue + direct + postal,
        "onlineOnTimeSum": on_time,
        "onlineOverdueSum": overdue,
    }
    children = []
    for unit in range(root):
        # 6 + 4 × r32: a unit never receives the two points of 3.1 (effective maximum 10).
        active = figures.of(Count.RECEIVED, unit) > 0
        earned = 600 + figures.procedures[Procedures.USED_ONLINE][unit] if active else 0
        children.append(
            _child_names(figures, unit)
            | {
                "totalScore": number(earned),
                "totalMaxScore": 12,
                "ratio": number(percent(earned, 1_200)),
                "scoreDelta": None,
            }
        )
    chart = [
        {
            "label": label,
            "onlineDossierPct": number(percent(_services_used(month), month.provision[3])) if month else 0,
        }
        for label, month in _twelve(months)
    ]
    return {"parent": parent, "children": children, "monthlyChart": chart}


def payment(figures: Figures, months: Months) -> Json:
    """formality-online-payment-tree: parent and children differ in the order of their fields."""
    root = len(figures.units)
    total = _payment_score(figures, root)
    parent = _root_names(figures) | {"totalMaxScore": 10, "totalScore": number(total)}
    parent |= _payment_counts(figures, root) | {"ratio": number(10 * total)}
    children = []
    for unit in range(root):
        earned = _payment_score(figures, unit)
        head: Json = {"totalMaxScore": 10, "ratio": number(10 * earned), "totalScore": number(earned)}
        children.append(
            _child_names(figures, unit) | head | _payment_counts(figures, unit) | {"scoreDelta": None}
        )
    return {"parent": parent, "children": children}


def transparency(figures: Figures, page: int, page_size: int) -> Json:
    """transparency: 1.1–1.3 are the province's, copied to every unit."""
    units = range(len(figures.units))
    every = [_entity(figures, TRANSPARENCY, unit, _transparency_metrics(figures, unit)) for unit in units]
    mean = half_up(sum(_total(_transparency_metrics(figures, unit)) for unit in units), len(units))
    root = _entity(figures, TRANSPARENCY, len(units), _transparency_metrics(figures, len(units)))
    overview = root | {"averageScore": number(mean)}
    return {"overview": overview, "monthlyChart": []} | _paged(TRANSPARENCY, every, page, page_size)


def digitized(figures: Figures, page: int, page_size: int) -> Json:
    """dossier-digitized: the only metric-shaped group that names the unit's code."""
    units = range(len(figures.units) + 1)
    every = [_entity(figures, DIGITIZED, unit, _digitized_metrics(figures, unit)) for unit in units]
    return {"overview": every[-1]} | _paged(DIGITIZED, every[:-1], page, page_size)


def satisfaction(figures: Figures, page: int, page_size: int) -> Json:
    """handling-satisfaction: petitions, and the dossiers once more."""
    every: list[Json] = []
    for unit in range(len(figures.units) + 1):
        petitions = figures.of(Count.PETITIONS, unit)
        tail: Json = {
            "totalPetitions": petitions,
            "classifiedPetitions": petitions,
            "totalDossiers": figures.of(Count.RECEIVED, unit),
            "averageScore": None,
        }
        every.append(_entity(figures, SATISFACTION, unit, _satisfaction_metrics(figures, unit)) | tail)
    return {"overview": every[-1]} | _paged(SATISFACTION, every[:-1], page, page_size)


METRIC_BODIES: dict[str, Callable[[Figures, int, int], Json]] = {
    TRANSPARENCY: transparency,
    DIGITIZED: digitized,
    SATISFACTION: satisfaction,
}
TREE_BODIES: dict[str, Callable[[Figures, Months], Json]] = {
    PROGRESS: progress,
    ONLINE: online,
    PAYMENT: payment,
}

# A metric with its score in hundredths (None = not scored), so that totals stay exact.
_Scored = tuple[Json, int | None]


def _metric(rule: MetricRule, share: Share, *, without_data: int | None) -> _Scored:
    """``without_data`` is the score where the denominator is 0; None makes the ratio null too."""
    numerator, denominator = share
    ratio: int | None = percent(numerator, denominator)
    earned: int | None = score(rule, numerator, denominator) if denominator else without_data
    if not denominator and without_data is None:
        ratio = None
    if rule.max_score == 0:
        ratio, earned = percent(numerator, denominator), None
    return _write(rule, numerator, denominator, ratio, earned), earned


def _write(
    rule: MetricRule, numerator: int | None, denominator: int | None, ratio: int | None, earned: int | None
) -> Json:
    return {
        "code": rule.code,
        "name": rule.name,
        "numerator": numerator,
        "denominator": denominator,
        "ratio": None if ratio is None else number(ratio),
        "score": None if earned is None else number(earned),
        "maxScore": rule.max_score,
    }


def _transparency_metrics(figures: Figures, unit: int) -> list[_Scored]:
    synced = figures.of(Count.SYNCED, unit)
    shares = (figures.publish, figures.update, figures.content, (synced, synced))
    metrics = [
        _metric(rule, share, without_data=None)
        for rule, share in zip(TRANSPARENCY_RULES, shares, strict=True)
    ]
    status, message = _TEMPORARY if synced else _NO_REPORT
    metrics[-1][0].update(dataQualityStatus=status, dataQualityMessage=message)
    return metrics


def _digitized_metrics(figures: Figures, unit: int) -> list[_Scored]:
    received = figures.of(Count.RECEIVED, unit)
    rows = (Count.RESULT, Count.DIGITIZED, Count.REUSED, Count.STORED, Count.CITIZEN)
    shares = [(figures.of(row, unit), received) for row in rows]
    procedures = figures.procedures
    shares.append((procedures[Procedures.CITIZEN_CONNECTED][unit], procedures[Procedures.CITIZEN_ALL][unit]))
    metrics = [
        _metric(rule, share, without_data=None) for rule, share in zip(DIGITIZED_RULES, shares, strict=True)
    ]
    # The same constant for every entity, out of nothing.
    return [*metrics, (_write(CERTIFIED_COPY_RULE, None, None, 10_000, 200), 200)]


def _satisfaction_metrics(figures: Figures, unit: int) -> list[_Scored]:
    petitions = figures.of(Count.PETITIONS, unit)
    shares = (
        (figures.of(Count.PETITIONS_TTHC, unit), petitions),
        (figures.of(Count.SATISFIED, unit), figures.of(Count.RECEIVED, unit)),
        (figures.of(Count.PETITIONS_ON_TIME, unit), petitions),
        (figures.of(Count.PETITIONS_SATISFIED, unit), petitions),
        (figures.of(Count.PETITIONS_STAFF, unit), petitions),
    )
    # No dossiers: 0 of 6. No petitions: 6 of 6, twice.
    empty = (0, 0, 600, 600, 0)
    return [
        _metric(rule, share, without_data=earned)
        for rule, share, earned in zip(SATISFACTION_RULES, shares, empty, strict=True)
    ]


def _total(metrics: Sequence[_Scored]) -> int:
    return sum(earned for _, earned in metrics if earned is not None)


def _entity(figures: Figures, endpoint: str, unit: int, metrics: list[_Scored]) -> Json:
    """One unit of a metric-shaped group; index ``len(units)`` is the province."""
    is_root = unit == len(figures.units)
    names = _root_names(figures) if is_root else _unit_names(figures, unit)
    if endpoint != DIGITIZED:
        del names["departmentCode"]
    agency = not is_root and figures.units[unit].is_agency
    child_type = "PROVINCIAL_DEPARTMENT" if agency else "COMMUNE_PEOPLE_COMMITTEE"
    total, most = _total(metrics), _GROUP_MAX[endpoint]
    entity: Json = {"stt": 1 if is_root else unit + 1} | names
    entity |= {
        "departmentType": "PROVINCE" if is_root else child_type,
        "departmentLevel": "PROVINCE" if is_root or agency else "COMMUNE",
        "agencyLevel": "level_1" if is_root else "level_2",
        "totalScore": number(total),
        "totalMaxScore": most,
        "ratio": number(percent(total, 100 * most)),
    }
    written: Json = {"metrics": [metric for metric, _ in metrics]}
    delta: Json = {"scoreDelta": None}
    return entity | (written | delta if endpoint == DIGITIZED else delta | written)


def _paged(endpoint: str, every: list[Json], page: int, page_size: int) -> Json:
    return {
        "evaluation": every[(page - 1) * page_size : page * page_size],
        "pagination": {
            "total": len(every),
            "currentPage": page,
            "pageSize": page_size,
            "totalPages": -(-len(every) // page_size),
        },
        "source": _SOURCES[endpoint],
    }


def _root_names(figures: Figures) -> Json:
    return {
        "departmentId": figures.province.portal_id,
        "departmentName": root_name(figures.province),
        "departmentCode": figures.province.code,
    }


def _unit_names(figures: Figures, unit: int) -> Json:
    child = figures.units[unit]
    return {
        "departmentId": child.unit_id,
        "departmentName": child.name_in(figures.last_day),
        "departmentCode": child.code,
    }


def _child_names(figures: Figures, unit: int) -> Json:
    return _unit_names(figures, unit) | {"level": figures.units[unit].level}


def _progress_child(figures: Figures, unit: int) -> Json:
    received, on_time = figures.of(Count.RECEIVED, unit), figures.of(Count.ON_TIME, unit)
    return _child_names(figures, unit) | {
        "totalReceived": received,
        "totalOnTime": on_time,
        "totalOverdue": received - on_time,
        "avgProcessingDays": _average_days(figures, unit),
        "ratio": number(percent(on_time, received)),
        "score": number(progress_score(on_time, received)),
        "maxScore": 20,
        "scoreDelta": None,
    }


def _average_days(figures: Figures, unit: int) -> int | float:
    completed = figures.of(Count.COMPLETED, unit)
    return number(half_up(figures.of(Count.CENTIDAYS, unit), completed)) if completed else 0


def _payment_shares(figures: Figures, unit: int) -> tuple[Share, Share, Share]:
    procedures = figures.procedures
    every = procedures[Procedures.FEE_ALL][unit]
    return (
        (procedures[Procedures.FEE_SYNCED][unit], every),
        (procedures[Procedures.FEE_PAID][unit], every),
        (figures.of(Count.FEE_PAID, unit), figures.of(Count.FEE_DUE, unit)),
    )


def _payment_score(figures: Figures, unit: int) -> int:
    return payment_score(*_payment_shares(figures, unit))


def _payment_counts(figures: Figures, unit: int) -> Json:
    (synced, every), (paid, _), (success, due) = _payment_shares(figures, unit)
    return {
        "totalDossierOnlinePaymentSuccess": success,
        "totalDossierFinancialObligation": due,
        "totalDossierOnlineFormalityPaymentSuccess": paid,
        "totalFeeDossierFormalityDistinct": every,
        "totalFeeDossierFormality": synced,
        "totalFeeFormality": every,
    }


def _services_used(figures: Figures) -> int:
    """Online services with at least one dossier, province-wide (3.2's numerator)."""
    return figures.procedures[Procedures.USED_ONLINE][-1] * figures.provision[3] // 400


def _province_online_score(figures: Figures) -> int:
    root = len(figures.units)
    authority, partial, full, services = figures.provision
    online_sum = figures.of(Count.ONLINE_ON_TIME, root) + figures.of(Count.ONLINE_OVERDUE, root)
    every = online_sum + figures.of(Count.DIRECT, root) + figures.of(Count.POSTAL, root)
    return online_score((partial + full, authority), (_services_used(figures), services), (online_sum, every))


def _twelve(months: Months) -> list[tuple[str, Figures | None]]:
    return [(f"{month:02d}", months.get(month)) for month in range(1, 13)]
