"""What the views of ``mart`` say of one report, as lines to hold documents against; figures as the letter writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row

from etl.periods import Period, Window
from support.release_lines import Line, Tables, vietnamese
from support.release_reading import COMPONENT_FIELDS, FORM_BLOCKS, GROUPS, MEASURES, RATES

_SCORES = ", ".join(map(str.lower, GROUPS))
_FIGURES = ", ".join((*MEASURES, *RATES))


class Mart:
    """What the views of ``mart`` say of one report, as the analyst reads them within one transaction."""

    def __init__(
        self, connection: psycopg.Connection[Any], province_code: str, portal_period: str, window: Window
    ) -> None:
        self.connection = connection
        self.portal = Period.parse(portal_period)
        self.keys = {
            "province": province_code,
            "period": portal_period,
            "before": self.portal.previous().id,
            "window": window.period.id,
            "first": window.first,
            "last": window.last,
        }

    def lines(self, view: str, key: Sequence[str], columns: str, where: str) -> list[Line]:
        """``view``'s rows as lines; every column but the key's is a value."""
        query = f"SELECT {', '.join(key)}, {columns} FROM mart.{view} WHERE {where}"
        with self.connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(query, self.keys).fetchall()
        exact = [{n: Decimal(v) if isinstance(v, int) else v for n, v in row.items()} for row in rows]
        return [Line(tuple(str(row.pop(name)) for name in key), row) for row in exact]

    def cards(self, where: str, key: Sequence[str] = ("block", "unit_name")) -> list[Line]:
        columns = f"unit_code, {_SCORES}, total, rank_in_block, total_change, rank_change"
        return self.lines("unit_scorecard", key, columns, f"province_code = %(province)s AND {where}")

    def scores(self, where: str, key: Sequence[str]) -> list[Line]:
        columns = f"unit_code, {', '.join(COMPONENT_FIELDS)}"
        where = f"province_code = %(province)s AND period_id = %(period)s AND {where}"
        return self.lines("indicator_scores", key, columns, where)

    def digitization(self, view: str, key: Sequence[str], columns: str = _FIGURES) -> list[Line]:
        where = "province_code = %(province)s AND period_id = %(window)s AND period_start = %(first)s AND period_end = %(last)s"
        if view == "digitization_reconciliation":
            where = where.replace("period_start", "provincial_start").replace("period_end", "provincial_end")
        return self.lines(view, key, columns, where)

    def tables(self) -> Tables:
        """Every table a document may show, named as the readers of documents name them."""
        units = self.cards("period_id = %(period)s AND block <> 'province'")
        (own,) = self.cards("period_id = %(period)s AND block = 'province'")
        before = {
            line.key: line.values for line in self.cards("period_id = %(before)s AND block = 'province'")
        }
        kind = {"month": "____-__", "quarter": "____-Q_", "year": "____"}[self.portal.kind]
        trend = self.cards(
            f"block = 'province' AND period_id LIKE '{kind}' AND period_id <= %(period)s", ("period_id",)
        )
        ranking = self.lines(
            "province_ranking", ("province_name",), "province_code, total, rank", "period_id = %(period)s"
        )
        indicators = self.scores("unit_code = %(province)s", ("indicator_code",))
        told = {line.key[0]: line.values for line in indicators}
        changes = {
            code: own.values[code.lower()] - old[code.lower()]  # type: ignore[operator]
            for old in before.values()
            for code in GROUPS
        } | {"TOTAL": own.values["total_change"]}
        parts = self.scores("unit_code = %(province)s", ("block", "unit_name", "indicator_code"))
        parts += self.scores(
            "block <> 'province' AND level = 'component' AND NOT inherited",
            ("block", "unit_name", "indicator_code"),
        )
        forms = self.digitization(
            "digitization", ("block", "unit_name"), f"{_FIGURES}, unit_code, target_pct"
        )
        totals = self.digitization(
            "digitization_totals", ("block",), f"{_FIGURES}, target_pct, units, expected_units"
        )
        compared = "provincial_value, portal_value, difference, difference_pct, unit_code"
        compared_lines = self.digitization("digitization_reconciliation", ("unit_name", "measure"), compared)
        (place,) = [line.values for line in ranking if line.values["province_code"] == self.keys["province"]]
        (whole,) = [line.values for line in totals if line.key == ("ALL",)]
        headline = own.values | {
            "rank": place["rank"],
            "ranked": Decimal(sum(line.values["rank"] is not None for line in ranking)),
            "results_rate_pct": whole["results_rate_pct"],
        }
        return {
            "units": units,
            "own": [own],
            "indicators": indicators,
            "groups": [
                Line((code,), dict(told[code]) | {"change": changes.get(code)}) for code in (*GROUPS, "TOTAL")
            ],
            "trend": trend,
            "ranking": ranking,
            "components": [
                Line(one.key, dict(one.values) | {"score_change": changes.get(one.key[2])}) for one in parts
            ],
            "digitization": told_apart(forms),
            "digitization_totals": totals,
            "reconciliation": told_apart(compared_lines),
            "headline": [Line((), headline)],
        }


def told_apart(lines: Sequence[Line]) -> list[Line]:
    """Of two units of one name each with its code behind it: the form must come back to the right one."""
    times = [line.key for line in lines]
    place = 1 if lines[0].key[0] in FORM_BLOCKS.values() else 0
    return [
        line
        if times.count(line.key) == 1
        else Line(
            tuple(
                f"{part} ({line.values['unit_code']})" if at == place else part
                for at, part in enumerate(line.key)
            ),
            line.values,
        )
        for line in lines
    ]


def renamed(lines: Sequence[Line], names: Mapping[str, str]) -> list[Line]:
    return [Line((names.get(line.key[0], line.key[0]), *line.key[1:]), line.values) for line in lines]


def without_gaps(trend: Sequence[Line]) -> list[Line]:
    """A trend by period id with the periods nobody read in between: all their figures are blank."""
    known = {line.key[0]: line for line in trend}
    period, first = Period.parse(max(known)), Period.parse(min(known))
    found = []
    while not period < first:
        found.append(known.get(period.id) or Line((period.id,), dict.fromkeys(trend[0].values)))
        period = period.previous()
    return found


def written(value: Any, decimals: int | None = 2, *, signed: bool = False) -> str:
    """A figure of the letter: a dash for none; decimals None: two at most."""
    if value is None:
        return "—"
    text = vietnamese(value, 2 if decimals is None else decimals, signed=signed)
    return text.rstrip("0").rstrip(",") if decimals is None else text


def letter_of(mart: Tables) -> Tables:
    """The mart's figures as the letter must write them."""
    groups = [
        Line(
            (GROUPS.get(line.key[0], "Tổng điểm"),),
            {
                "max_score": written(line.values["max_score"], None),
                "score": written(line.values["score"]),
                "share": written(100 * line.values["score"] / line.values["max_score"]),  # type: ignore[operator]
                "change": written(line.values["change"], signed=True),
            },
        )
        for line in mart["groups"]
    ]
    blocks = {code: name for name, code in FORM_BLOCKS.items()}
    totals = [
        Line(
            (blocks[line.key[0]],),
            {
                name: written(line.values[name], 0)
                for name in ("resolved", "results_not_digitized", "results_digitized")
            }
            | {
                "results_rate_pct": written(line.values["results_rate_pct"]),
                "units": f"{written(line.values['units'], 0)}/{written(line.values['expected_units'], 0)}",
            },
        )
        for line in mart["digitization_totals"]
    ]
    return {"groups": groups, "digitization_totals": totals, "headline": sentences_of(mart)}


def sentences_of(mart: Tables) -> list[Line]:
    (line,) = mart["headline"]
    return [
        Line(
            (),
            {
                name: written(line.values[name], places)
                for name, places in (("total", 2), ("rank", 0), ("ranked", 0))
            },
        )
    ]
