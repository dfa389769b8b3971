"""Which days a list is about, when nobody says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from etl.errors import FileRefused
from etl.periods import ADMINISTRATIVE, CALENDAR, Period, Window, window_of

# First and last dossier of a real window fall within so many days of its ends (a long holiday is 9 days, but a
# list of a whole province has online dossiers every day).
_SLACK = timedelta(days=4)
_KINDS = (("month", 12), ("quarter", 4), ("half", 2), ("year", 1))


def settle_window(
    given: Window | None, stated: Window | None, first: date | None, last: date | None
) -> tuple[Window, str]:
    """The window of a list and the sentence that says how it was found.

    ``given`` by a person, else ``stated`` above the header, else the single standard window that the
    received days (``first`` to ``last``) fill. Raises FileRefused where given and stated disagree, or none is found.
    """
    if given is not None and stated is not None and (given.first, given.last) != (stated.first, stated.last):
        raise FileRefused(
            f"asked for {given.first} to {given.last}, the file states {stated.first} to {stated.last}",
            "name the period the file is about, or correct the file",
            rule="period.disagrees",
            message_vi=f"Kỳ được chọn ({_days(given)}) khác kỳ ghi trong tệp ({_days(stated)}).",
            remedy_vi="Chọn đúng kỳ của tệp, hoặc sửa khoảng ngày ghi trong tệp.",
        )
    if given is not None:
        return given, f"Kỳ số liệu do người nộp chỉ định: {_days(given)}."
    if stated is not None:
        return stated, f"Kỳ số liệu theo dòng ghi trong tệp: {_days(stated)}."
    fitting = [] if first is None or last is None else list(_filled(first, last))
    if len(fitting) == 1:
        return fitting[0], f"Kỳ số liệu suy từ ngày tiếp nhận của các hồ sơ: {_days(fitting[0])}."
    raise _unknown(first, last)


def _filled(first: date, last: date) -> Iterator[Window]:
    """Standard windows of either calendar that contain the days and are filled by them."""
    for kind, number in _KINDS:
        for year in (last.year, last.year + 1):  # 15/12 to 14/12: late December belongs to the next year
            for index in range(1, number + 1):
                for calendar in (CALENDAR, ADMINISTRATIVE):
                    window = window_of(Period(kind, year, index), calendar)
                    inside = window.first <= first and last <= window.last
                    if inside and first - window.first <= _SLACK and window.last - last <= _SLACK:
                        yield window


def _unknown(first: date | None, last: date | None) -> FileRefused:
    seen = "no received dossier" if first is None else f"dossiers received {first} to {last}"
    seen_vi = (
        "không có hồ sơ nào đã tiếp nhận"
        if first is None or last is None
        else f"hồ sơ tiếp nhận từ {first:%d/%m/%Y} đến {last:%d/%m/%Y}"
    )
    return FileRefused(
        f"the list states no window and its days fill none: {seen}",
        "say which one: bochiso ingest --period 2026-09",
        rule="period.unknown",
        message_vi=f"Không xác định được kỳ số liệu: tệp không ghi từ ngày đến ngày, {seen_vi}.",
        remedy_vi="Ghi trên dòng tiêu đề «Từ ngày … đến ngày …», hoặc nạp bằng lệnh bochiso ingest --period.",
    )


def _days(window: Window) -> str:
    return f"từ {window.first:%d/%m/%Y} đến {window.last:%d/%m/%Y}"
