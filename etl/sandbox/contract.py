"""What the portal's current API accepts: endpoints and the shape of a request.

Read from ``docs/portal.md`` (generation 2). The sandbox judges requests by this,
never by what the rest of the project happens to send.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from etl.errors import BochisoError
from etl.periods import Period

TRANSPARENCY = "evaluation/transparency"
PROGRESS = "evaluation/dvc-progress-tree"
ONLINE = "evaluation/provide-online-tree"
PAYMENT = "evaluation/formality-online-payment-tree"
DIGITIZED = "evaluation/dossier-digitized"
SATISFACTION = "evaluation/handling-satisfaction"
SERVICE_RESULTS = "evaluation/service-results"
FORMALITIES = "formalities"

GROUP_ENDPOINTS = (TRANSPARENCY, PROGRESS, ONLINE, PAYMENT, DIGITIZED, SATISFACTION)
ENDPOINTS = frozenset({*GROUP_ENDPOINTS, SERVICE_RESULTS, FORMALITIES})

# "formalityID" is the spelling of dossier-digitized, "q" the search box of formalities.
_FILTER_KEYS = ("formalityId", "formalityID", "q")


class BadRequest(BochisoError):
    """The request breaks the portal's contract; the server answers it with 400."""


@dataclass(frozen=True)
class Question:
    """One request, read. Days are inclusive and None for ``formalities``, which has no period."""

    endpoint: str
    first_day: date | None
    last_day: date | None
    root: str | None
    department_type: str | None
    page: int
    page_size: int | None
    filters: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, endpoint: str, request: Mapping[str, object]) -> Question:
        """Check and read a request body. Raises BadRequest, naming the key that is wrong."""
        first, last = _days(endpoint, request)
        page = _whole(request, "currentPage", 1) if "currentPage" in request else 1
        return cls(
            endpoint=endpoint,
            first_day=first,
            last_day=last,
            root=_text(request, "rootDepartmentId"),
            department_type=_text(request, "departmentType"),
            page=page,
            page_size=_whole(request, "pageSize", 1) if "pageSize" in request else None,
            filters=tuple((key, str(request[key])) for key in _FILTER_KEYS if request.get(key)),
        )


def full_endpoint(name: str) -> str:
    """``transparency`` and ``evaluation/transparency`` name the same endpoint; return the long form."""
    name = name.strip("/")
    return name if name in ENDPOINTS or name == FORMALITIES else f"evaluation/{name}"


def _days(endpoint: str, request: Mapping[str, object]) -> tuple[date | None, date | None]:
    if endpoint == FORMALITIES:
        return None, None
    if endpoint == SATISFACTION:
        first, last = _day(request, "fromDate"), _day(request, "toDate")
        if last < first:
            raise _bad("toDate lies before fromDate", "send the first and the last day of the period")
        return first, last
    period = _period(request)
    return period.first_day, period.last_day


def _period(request: Mapping[str, object]) -> Period:
    kind = request.get("timeType")
    if kind not in ("month", "quarter", "year"):
        raise _bad(f"timeType is {kind!r}", 'send "month", "quarter" or "year"')
    year = _whole(request, "year", 2000)
    number = 1 if kind == "year" else _whole(request, str(kind), 1)
    try:
        return Period(str(kind), year, number)
    except BochisoError as error:
        raise _bad(error.message, error.remedy) from error


def _day(request: Mapping[str, object], key: str) -> date:
    try:
        return date.fromisoformat(str(request[key]))
    except (KeyError, ValueError) as error:
        raise _bad(f"{key} is {request.get(key)!r}", "send a day such as 2026-08-01") from error


def _whole(request: Mapping[str, object], key: str, least: int) -> int:
    value = request.get(key)
    # bool is an int to Python, not to the portal.
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise _bad(f"{key} is {value!r}", f"send a whole number of at least {least}")
    return value


def _text(request: Mapping[str, object], key: str) -> str | None:
    value = request.get(key)
    if value is not None and not isinstance(value, str):
        raise _bad(f"{key} is {value!r}", "send a string")
    return value or None


def _bad(message: str, remedy: str) -> BadRequest:
    return BadRequest(message, remedy)
