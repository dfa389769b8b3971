"""A portal with generated data: every province, every period since 2026.

Figures are invented, organisations too (``sample_units``); shapes, rules and oddities are
the real portal's. Same seed and same ``as_of``: same bytes, on any machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from threading import Lock

from etl.errors import Terminal
from etl.periods import Period
from etl.reference.provinces import Province, load_provinces
from etl.sandbox.contract import GROUP_ENDPOINTS, SERVICE_RESULTS, Question
from etl.sandbox.misbehaviour import to_json
from etl.sandbox.sample_bodies import METRIC_BODIES, TREE_BODIES, Json
from etl.sandbox.sample_national import service_results
from etl.sandbox.sample_register import FIRST_YEAR, Figures, Register

# What the portal's page asks for when nothing is said.
_PAGE_SIZE = 200


class SamplePortal:
    """Generated answers of the six group endpoints and the national service-results.

    ``seed`` changes all figures and no organisation. ``as_of`` (aware) is when the portal
    is asked: later months do not exist yet, the running month is partial, a month closed
    less than ten days ago bears its first figures (``sample_register``). None serves final
    figures of whole years. ``past`` are provinces of before 2026 that this portal serves all the same,
    with the departments and communes of their legal lists, from ``first_year`` on: today's API has
    no district level and no history, a rehearsal of an earlier year needs one.
    Raises Terminal for an ``as_of`` without a time zone.
    """

    def __init__(
        self,
        seed: int = 766,
        as_of: datetime | None = None,
        *,
        past: Sequence[Province] = (),
        first_year: int = FIRST_YEAR,
    ) -> None:
        if as_of is not None and as_of.tzinfo is None:
            raise Terminal(f"as_of {as_of} has no time zone", "write it like 2026-09-27T00:00+07:00")
        self.seed = seed
        self.as_of = as_of
        self._register = Register(seed, as_of, first_year)
        listed = (province for province in (*load_provinces().values(), *past) if province.portal_id)
        self._provinces = {str(province.portal_id): province for province in listed}
        self._lock = Lock()

    def answer(self, endpoint: str, request: dict[str, object]) -> bytes | None:
        """The body for a request, or None where the portal has no such data.

        None also for procedure filters, ``formalities`` and the service-results of one
        province, which the sample does not hold. Raises BadRequest.
        """
        question = Question.read(endpoint, request)
        if question.filters:
            return None
        # One at a time: two threads would only draw the same months twice.
        with self._lock:
            data = self._data(question)
        return None if data is None else to_json({"code": "OK", "data": data, "message": "OK"})

    def _data(self, question: Question) -> Json | None:
        first, last = question.first_day, question.last_day
        if first is None or last is None or first.year != last.year:
            return None
        year, months = first.year, (first.month, last.month)
        if question.endpoint == SERVICE_RESULTS:
            national = question.root is None and question.department_type == "ADMINISTRATIVE_UNIT"
            return self._national(year, *months) if national else None
        province = self._provinces.get(question.root or "")
        if province is None or question.endpoint not in GROUP_ENDPOINTS:
            return None
        figures = self._register.figures(province, year, *months)
        if figures is None:
            return None
        if question.endpoint in METRIC_BODIES:
            return METRIC_BODIES[question.endpoint](figures, question.page, question.page_size or _PAGE_SIZE)
        return TREE_BODIES[question.endpoint](figures, self._by_month(province, year, *months))

    def _by_month(self, province: Province, year: int, first: int, last: int) -> dict[int, Figures]:
        known = self._register.months_known(year, first, last)
        drawn = {month: self._register.figures(province, year, month, month) for month in known}
        return {month: figures for month, figures in drawn.items() if figures is not None}

    def _national(self, year: int, first: int, last: int) -> Json | None:
        now = self._all_provinces(year, first, last)
        if not now:
            return None
        previous = _previous(year, first, last)
        before = {figures.province.code: figures for figures in self._all_provinces(*previous)}
        known = self._register.months_known(year, 1, last)
        return service_results(
            now, before, {month: self._all_provinces(year, month, month) for month in known}
        )

    def _all_provinces(self, year: int, first: int, last: int) -> list[Figures]:
        drawn = (self._register.figures(province, year, first, last) for province in self._provinces.values())
        return [figures for figures in drawn if figures is not None]


def _previous(year: int, first: int, last: int) -> tuple[int, int, int]:
    """The like stretch of months before: year, first and last month."""
    kind = {1: "month", 3: "quarter", 12: "year"}[last - first + 1]
    before = Period(kind, year, (first - 1) // (last - first + 1) + 1).previous()
    return before.year, before.first_month, before.last_month
