"""Hand-made duties for the tests of the watcher: Phú Thọ's report of October 2026 unless told otherwise.

October 2026: the 17th is a Saturday, so the target is Friday the 16th; three working days before it Tuesday the
13th, one Thursday the 15th.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from etl.duties import load_duties
from etl.notify.message import Message
from etl.notify.messages import message
from etl.periods import VIETNAM
from etl.warehouse.duty_ledger import DutyStatus
from etl.watch_events import events

DUTIES = {duty.id: duty for duty in load_duties()}
MISSING = "Biểu số hóa tháng 10/2026: chưa có số liệu của 3 đơn vị."
HOSTILE = "Xã A\r\nBcc: all@example.com\u202e*đậm* <script>alert(1)</script> [x](http://evil.example) <!channel> {{ 7*7 }}\x00"


def at(text: str) -> datetime:
    """An instant in Vietnam: "2026-10-13 07:10"."""
    return datetime.fromisoformat(text).replace(tzinfo=VIETNAM)


def status(duty: str = "D1", **changes: Any) -> DutyStatus:
    values: dict[str, Any] = {
        "province_code": "H44",
        "province_name": "tỉnh Phú Thọ",
        "period_id": "2026-10",
        "duty": duty,
        "release_set": DUTIES[duty].release_set if duty in DUTIES else "khac",
        "name_vi": DUTIES[duty].name_vi if duty in DUTIES else "Nội dung khác",
        "state": "awaiting_input",
        "target_day": date(2026, 10, 16),
        "due_at": at("2026-10-17 23:59:59"),
        "preliminary_at": None,
        "final_at": at("2026-10-15 04:30"),
    }
    return DutyStatus(**(values | changes))


def draft(duty: str = "D1", built: str = "2026-10-15 04:40", number: int = 1, **changes: Any) -> DutyStatus:
    given = {"state": "awaiting_sign_off", "release_no": number, "built_at": at(built)}
    return status(duty, **(given | changes))


def hostile() -> DutyStatus:
    return status(
        "D3",
        province_name=f"tỉnh {HOSTILE}",
        name_vi=HOSTILE,
        missing=(HOSTILE,),
        failure=HOSTILE,
        failed_at=at("2026-10-15 05:00"),
        refused_by=HOSTILE,
        refusal=HOSTILE,
        refused_at=at("2026-10-15 09:00"),
    )


def sample(one: DutyStatus | None = None, now: str = "2026-10-17 07:10") -> Message:
    """A message to send: "due today" of D1, or what is first to say of a status."""
    return message(events([one or status(missing=(MISSING,))], at(now))[0], DUTIES)
