"""Generated bodies against captured ones: same keys, same order, same kinds of values."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etl.sandbox import SamplePortal

REAL = {
    "transparency": ["phutho-2026-08-transparency.partial.json", "phutho-2026-Q3-transparency.partial.json"],
    "dvc-progress-tree": ["phutho-2026-08-dvc-progress-tree.json"],
    "provide-online-tree": ["phutho-2026-08-provide-online-tree.json"],
    "formality-online-payment-tree": ["phutho-2026-08-formality-online-payment-tree.json"],
    "dossier-digitized": [
        "phutho-2026-08-dossier-digitized.captured-2026-09-26.partial.json",
        "phutho-2026-year-dossier-digitized.partial.json",
    ],
    "handling-satisfaction": [
        "phutho-2026-08-handling-satisfaction.captured-2026-09-26.partial.json",
        "phutho-2026-08-handling-satisfaction.captured-2026-09-28.partial.json",
    ],
    "service-results": ["national-service-results-year-2026.json"],
}
# 17 and 17.5 are one kind to the portal; where null may stand is tested by the invariants.
KINDS = {int: "number", float: "number", str: "text", type(None): "null"}


def shape(value: object) -> object:
    """Keys in order all the way down, and the kind of every leaf."""
    if isinstance(value, dict):
        return [(key, shape(inner)) for key, inner in value.items()]
    if isinstance(value, list):
        return "list"
    return KINDS[type(value)]


def entities(body: dict[str, Any], where: str = "") -> list[tuple[str, object]]:
    """Every object of a body with its place: ``data.children``, ``data.evaluation.metrics`` …"""
    found: list[tuple[str, object]] = [(where, shape(body))]
    for key, value in body.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                found += entities(item, f"{where}.{key}")
    return found


def without_nulls(pair: tuple[str, object]) -> str:
    return json.dumps(pair).replace('"null"', '"number"')


@pytest.mark.parametrize("endpoint", REAL)
def test_every_object_has_a_captured_twin(
    real: Path, sample: SamplePortal, ask: Callable[..., Any], endpoint: str
) -> None:
    captured: set[str] = set()
    for name in REAL[endpoint]:
        captured |= {without_nulls(pair) for pair in entities(json.loads((real / name).read_bytes())["data"])}
    generated: set[str] = set()
    for period in ("2026-02", "2026-08", "2026-Q3", "2026"):
        generated |= {without_nulls(pair) for pair in entities(ask(sample, endpoint, period))}
    assert len(captured) >= 3
    assert generated == captured


@pytest.mark.parametrize("endpoint", ["transparency", "dossier-digitized", "handling-satisfaction"])
def test_metrics_come_in_the_portals_order(
    real: Path, sample: SamplePortal, ask: Callable[..., Any], endpoint: str
) -> None:
    def labels(entity: dict[str, Any]) -> list[tuple[str, str, float]]:
        return [(metric["code"], metric["name"], metric["maxScore"]) for metric in entity["metrics"]]

    captured = json.loads((real / REAL[endpoint][0]).read_bytes())["data"]
    generated = ask(sample, endpoint, "2026-08")
    assert captured["source"] == generated["source"]
    seen = [generated["overview"], *generated["evaluation"]]
    assert len(seen) > 90
    for entity in seen:
        assert labels(entity) == labels(captured["overview"])


def test_is_written_as_the_portal_writes(sample: SamplePortal, request_for: Callable[..., Any]) -> None:
    for name in ("transparency", "dvc-progress-tree", "provide-online-tree", "dossier-digitized"):
        endpoint = f"evaluation/{name}"
        body = sample.answer(endpoint, request_for(endpoint, "2026-08"))
        assert body is not None
        text = body.decode()
        assert text.startswith('{"code":"OK","data":{')
        assert text.endswith('},"message":"OK"}')
        assert "UBND tỉnh Phú Thọ" in text  # not \u escapes
        assert ".0," not in text
        assert ".0}" not in text
        compact = json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
        assert text == compact


def test_metric_groups_are_paged_and_trees_are_not(sample: SamplePortal, ask: Callable[..., Any]) -> None:
    whole = ask(sample, "dossier-digitized", "2026-08")
    total = whole["pagination"]["total"]
    assert whole["pagination"] == {"total": total, "currentPage": 1, "pageSize": 200, "totalPages": 1}
    pages = [
        ask(sample, "dossier-digitized", "2026-08", pageSize=40, currentPage=page)
        for page in range(1, -(-total // 40) + 1)
    ]
    assert pages[0]["pagination"]["totalPages"] == len(pages) > 1
    joined = [unit for page in pages for unit in page["evaluation"]]
    assert joined == whole["evaluation"]
    assert [unit["stt"] for unit in joined] == list(range(1, total + 1))
    assert len(ask(sample, "dvc-progress-tree", "2026-08", pageSize=10)["children"]) == total


@pytest.mark.parametrize(
    ("endpoint", "period", "open_months"),
    [
        ("dvc-progress-tree", "2026-08", {8}),
        ("dvc-progress-tree", "2026-Q2", {4, 5, 6}),
        ("provide-online-tree", "2026-08", {8}),
        ("provide-online-tree", "2026", set(range(1, 13))),
    ],
)
def test_a_trees_chart_is_zero_outside_the_period(
    sample: SamplePortal, ask: Callable[..., Any], endpoint: str, period: str, open_months: set[int]
) -> None:
    chart = ask(sample, endpoint, period)["monthlyChart"]
    labels = [row.get("month") or row.get("label") for row in chart]
    assert labels == [f"{month:02d}" for month in range(1, 13)]
    share = "onTimePct" if "onTimePct" in chart[0] else "onlineDossierPct"
    assert {int(label) for label, row in zip(labels, chart, strict=True) if row[share] != 0} == open_months
    if share == "onTimePct":
        assert {round(row["onTimePct"] + row["overduePct"], 2) for row in chart} <= {0, 100}
        parent = ask(sample, endpoint, period)["parent"]
        if len(open_months) == 1:
            assert chart[min(open_months) - 1]["onTimePct"] == parent["ratio"]


def test_serves_no_more_than_it_says(sample: SamplePortal, ask: Callable[..., Any]) -> None:
    assert ask(sample, "transparency", "2025-12") is None
    assert ask(sample, "service-results", "2025") is None
    assert ask(sample, "service-results", "2026", rootDepartmentId="x") is None
    assert ask(sample, "transparency", "2026-08", formalityId="x") is None
    assert ask(sample, "transparency", "2027-01") is not None
    assert sample.answer("formalities", {"currentPage": 1, "pageSize": 10}) is None
