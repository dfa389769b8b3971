"""What ``bochiso status --strict`` says: an exit code for cron and one line a matter, outside Airflow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from etl.errors import ReportNotReady, Terminal
from etl.notify.messages import one_line
from etl.periods import VIETNAM
from etl.warehouse.duty_ledger import OPEN_STATES, DutyStatus
from etl.watch_events import FIRST_WARNING, Kind, Matter, matters, warning_day

WELL = 0
# As everywhere on the command line: 5 something is missing or waits, 3 a person must act (etl/errors.py).
WAITS, ACT = ReportNotReady.exit_code, Terminal.exit_code
_ACT: tuple[Kind, ...] = ("missed", "due_today", "refused", "build_failed", "not_built")
_SHOWN = 160


def strict_exit(
    statuses: Iterable[DutyStatus], now: datetime, overrides: Mapping[date, str] | None = None
) -> tuple[int, list[str]]:
    """The exit code and the lines, the most pressing first.

    0: nothing is due within the warning days (from three working days before the target day on) that is not
    released. 5: within these days something is missing, waits for a signature or has not been built. 3: a person must
    act now: due today, missed, refused, or an attempt failed. Late releases and restatements are told as notes; they
    do not change the code. Raises ValueError for a ``now`` without a zone.
    """
    code, lines = WELL, []
    for status in statuses:
        for severity, line in _lines(status, now, overrides):
            code = max(code, severity, key=(WELL, WAITS, ACT).index)
            lines.append((severity, status.due_at, status.province_code, status.period_id, status.duty, line))
    ordered = sorted(lines, key=lambda one: (-(WELL, WAITS, ACT).index(one[0]), *one[1:5]))
    return code, [line for *_, line in ordered]


def _lines(status: DutyStatus, now: datetime, overrides: Mapping[date, str] | None) -> list[tuple[int, str]]:
    found = []
    for matter in matters(status, now, overrides):
        severity = _severity(matter)
        mark = {WELL: "note", WAITS: "waits", ACT: "act"}[severity]
        found.append((severity, f"{mark}: {_name(status)}: {_words(matter)}"))
    today = now.astimezone(VIETNAM).date()
    near = today >= warning_day(status.target_day, FIRST_WARNING, overrides)
    if not found and near and status.state in OPEN_STATES:
        found.append((WAITS, f"waits: {_name(status)}: not released yet ({status.state}); {_due(status)}"))
    return found


def _severity(matter: Matter) -> int:
    if matter.kind in ("released_late", "restated"):
        return WELL
    return ACT if matter.kind in _ACT else WAITS


def _name(status: DutyStatus) -> str:
    return f"{status.province_code} {status.period_id} {status.duty}"


def _due(status: DutyStatus) -> str:
    return f"due {status.due_at.astimezone(VIETNAM):%Y-%m-%d %H:%M:%S} Vietnam time"


def _words(matter: Matter) -> str:
    status = matter.status
    draft = f"draft {status.release_no}" if status.release_no else "the draft"
    match matter.kind:
        case "missed":
            return f"missed, not released ({_due(status)}){_lacks(status)}"
        case "due_today":
            return f"due today, state {status.state} ({_due(status)}){_lacks(status)}"
        case "refused":
            who = one_line(status.refused_by or "somebody")
            return f"the draft was refused by {who}: {one_line(status.refusal or 'no comment', _SHOWN)}"
        case "build_failed":
            return f"the last attempt failed: {one_line(status.failure or '', _SHOWN)}"
        case "not_built":
            return f"nothing lacks, but no draft was made; {_due(status)}"
        case "awaits_sign_off":
            return f"{draft} waits for a signature; {_due(status)}"
        case "inputs_missing":
            return f"{len(status.missing)} inputs missing; {_due(status)}{_lacks(status)}"
        case "released_late":
            return f"released late ({_due(status)})"
        case "restated":
            return f"the sources have changed {status.restated} values since it was released"


def _lacks(status: DutyStatus) -> str:
    if not status.missing:
        return ""
    return ": " + one_line(" | ".join(status.missing), _SHOWN)
