"""The national answer: 34 provinces, each with the six scores of its own group answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from etl.sandbox.sample_bodies import Json, group_scores
from etl.sandbox.sample_counts import Count
from etl.sandbox.sample_register import Figures
from etl.sandbox.sample_scores import half_up, number, percent
from etl.sandbox.sample_units import root_name

# A province without any dossier still gets 16 points; the portal's changes against 2025
# are reckoned from that floor (Quảng Ninh 65.65 − 49.65 = 16.00; docs/portal.md).
_EMPTY_FLOOR = 1_600

_AXES = (
    ("CKMB", "Công khai, minh bạch", 18, ("CKMB",)),
    ("TDGQ", "Tiến độ giải quyết", 20, ("TDGQ",)),
    ("ONLINE_SERVICE", "Dịch vụ trực tuyến", 22, ("CLGQ", "TTTT")),
    ("MDHL", "Mức độ hài lòng", 18, ("MDHL",)),
    ("MDSH", "Số hóa hồ sơ", 22, ("MDSH",)),
)


def service_results(
    now: Sequence[Figures], before: Mapping[str, Figures], months: Mapping[int, Sequence[Figures]]
) -> Json:
    """service-results of the whole country.

    ``before`` holds the previous like period by H-code (missing: the empty floor);
    ``months`` the known months of the year up to the asked period's end.
    """
    scores = {figures.province.code: group_scores(figures) for figures in now}
    totals = {code: sum(groups.values()) for code, groups in scores.items()}
    earlier = {
        code: sum(group_scores(before[code]).values()) if code in before else _EMPTY_FLOOR for code in totals
    }
    radar: list[Json] = []
    overall = 0
    for code, name, most, groups in _AXES:
        mean = half_up(sum(scores[province][group] for province in scores for group in groups), len(scores))
        overall += mean
        radar.append(
            {
                "code": code,
                "name": name,
                "score": number(mean),
                "maxScore": most,
                "ratio": number(percent(mean, 100 * most)),
            }
        )
    growth = 100 * (sum(totals.values()) - sum(earlier.values())) / sum(earlier.values())
    ranked = sorted(now, key=lambda figures: (-totals[figures.province.code], figures.province.code))
    return {
        "overview": {
            "departmentName": "Cả nước",
            "departmentCode": None,
            "totalScore": number(overall),
            "totalMaxScore": 100,
            "ratio": number(overall),
        },
        "growthPercent": number(round(100 * growth)),
        "radar": radar,
        "donuts": {"onlineDossier": _channels(now), "onlineProvision": _provision(now)},
        "evaluation": [
            {
                "departmentId": figures.province.portal_id,
                "departmentName": root_name(figures.province),
                "departmentCode": (code := figures.province.code),
                "totalScore": number(totals[code]),
                "ratio": number(totals[code]),
                "scoreDelta": number(totals[code] - earlier[code]),
                "groupScores": {group: number(value) for group, value in scores[code].items()},
            }
            for figures in ranked
        ],
        "monthlyChart": [
            {"month": f"{month:02d}", "averageScore": _average(months.get(month))} for month in range(1, 13)
        ],
        "dossierChart": [_on_time(month, months.get(month)) for month in range(1, 13)],
    }


def _average(provinces: Sequence[Figures] | None) -> int | float | None:
    if not provinces:
        return None
    total = sum(sum(group_scores(figures).values()) for figures in provinces)
    return number(half_up(total, len(provinces)))


def _on_time(month: int, provinces: Sequence[Figures] | None) -> Json:
    label = f"{month:02d}"
    if not provinces:
        return {"month": label, "onTimePct": None, "overduePct": None}
    done = percent(_sum(provinces, Count.ON_TIME), _sum(provinces, Count.RECEIVED))
    return {"month": label, "onTimePct": number(done), "overduePct": number(10_000 - done)}


def _channels(provinces: Sequence[Figures]) -> list[Json]:
    online = _sum(provinces, Count.ONLINE_ON_TIME) + _sum(provinces, Count.ONLINE_OVERDUE)
    other = _sum(provinces, Count.DIRECT) + _sum(provinces, Count.POSTAL)
    return _shares((("ONLINE", "Trực tuyến", online), ("OTHER", "Trực tiếp, bưu chính", other)))


def _provision(provinces: Sequence[Figures]) -> list[Json]:
    authority, partial, full, _ = (
        sum(column) for column in zip(*(p.provision for p in provinces), strict=True)
    )
    return _shares(
        (
            ("FULL", "Toàn trình", full),
            ("PARTIAL", "Một phần", partial),
            ("NONE", "Chưa cung cấp", authority - partial - full),
        )
    )


def _shares(slices: Sequence[tuple[str, str, int]]) -> list[Json]:
    every = sum(value for _, _, value in slices)
    return [
        {"code": code, "name": name, "value": value, "percent": number(percent(value, every))}
        for code, name, value in slices
    ]


def _sum(provinces: Sequence[Figures], row: Count) -> int:
    return sum(figures.of(row, -1) for figures in provinces)
