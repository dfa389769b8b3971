"""One message, ready for any channel: plain text that no channel may take for markup."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Message:
    """What is told about one event. ``subject`` is one line; ``text`` lines end with ``\\n``; instants are aware.

    ``key`` is the event's: the same event has the same key on every run, so that a receiver can tell a repetition.
    """

    key: str
    kind: str
    severity: str
    province_code: str
    province_name: str
    period_id: str
    duties: tuple[str, ...]
    subject: str
    text: str
    due_at: datetime
    at: datetime

    def record(self) -> dict[str, object]:
        """The message as JSON-able fields, for programs that read alerts."""
        return {
            "key": self.key,
            "kind": self.kind,
            "severity": self.severity,
            "province_code": self.province_code,
            "period_id": self.period_id,
            "duties": list(self.duties),
            "due_at": self.due_at.isoformat(),
            "at": self.at.isoformat(),
            "subject": self.subject,
            "text": self.text,
        }


@dataclass(frozen=True)
class Receipt:
    """What a channel had to show for a message it carried. ``left_out``: recipients that the other side refused."""

    text: str
    left_out: tuple[str, ...] = ()
