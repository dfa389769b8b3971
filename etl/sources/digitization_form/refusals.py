"""A refused form in two languages: what is wrong, and what the office does next."""

from __future__ import annotations

from etl.errors import FileRefused

_SHOWN = 80
MEND_VI = "Đề nghị sửa theo đúng mẫu rồi gửi lại."


def refused(
    rule: str,
    message: str,
    message_vi: str,
    remedy: str,
    remedy_vi: str = MEND_VI,
    locator: str | None = None,
) -> FileRefused:
    """The error to raise. ``message`` and ``remedy`` for the log, the other two for the receipt."""
    return FileRefused(
        message, remedy, rule=rule, message_vi=message_vi, remedy_vi=remedy_vi, locator=locator
    )


def cut(text: str, longest: int = _SHOWN) -> str:
    """Text short enough for a sentence."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
