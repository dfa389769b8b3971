"""What the lines above a form's header say: the days, the province, and whether the figures are invented."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path

from etl.periods import Period, Window, named_window, window_of
from etl.reference.provinces import Province, load_provinces
from etl.sources.digitization_form.grid import Grid
from etl.sources.digitization_form.layouts import WindowPattern
from etl.sources.digitization_form.refusals import cut, refused
from etl.sources.digitization_form.words import fold, lower, plain

SAMPLE_MARK = "số liệu mẫu"

# A date that is no period: "Phú Thọ, ngày 16 tháng 9 năm 2026", also with dots for what is not filled in.
_DATE_LINE = re.compile(r"ngày[\s\d.…_]*tháng[\s\d.…_]*năm[\s\d.…_]*")
# A line that cites a document names that document's year, not the figures'.
_CITES = re.compile(r"\b(?:căn cứ|quyết định|nghị định|nghị quyết|thông tư|công văn|kế hoạch|văn bản số)\b")
# "9 tháng năm 2026" is not the year: a bare year counts only where no part of one is spoken of.
_PART_OF_YEAR = re.compile(r"\b(?:tháng|quý|qúy|quí|qúi|kỳ|tuần)\b")
_RANKS = ("month", "quarter", "half", "year")
_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4}
_REMEDY_VI = (
    "Đề nghị ghi rõ kỳ số liệu ở dòng dưới tên biểu, ví dụ “Từ ngày 15/08/2026 đến ngày 14/09/2026”, rồi gửi lại; "
    "hoặc báo người vận hành nạp tệp có chỉ định kỳ."
)
_REMEDY = "write the days in the form's title, or state the period: bochiso ingest --period"


def title_lines(grid: Grid, header_row: int) -> tuple[str, ...]:
    """The rows above the header, each on one line (dates as dd/MM/yyyy), blank ones left out."""
    lines = []
    for row in range(min(header_row, grid.height)):
        texts: list[str] = []
        for value in grid.cells[row]:
            text = "" if value is None else _told(value)
            if text and (not texts or texts[-1] != text):
                texts.append(text)
        if texts:
            lines.append(" ".join(texts))
    return tuple(lines)


def is_sample(lines: Iterable[str]) -> bool:
    """Whether a line marks the figures as invented."""
    return any(SAMPLE_MARK in lower(line) for line in lines)


def stated_window(
    lines: Sequence[str], patterns: Sequence[WindowPattern], calendar: str
) -> tuple[Window, str | None] | None:
    """The days the lines are about, with a note where the calendar decided; None when they name none.

    Days that are written outrank a named period. Raises FileRefused for days that are no period
    (``period.not_standard``), for two periods (``period.ambiguous``), and where the days written are not
    those of the period named (``period.title_disagrees``).
    """
    texts = [lower(line) for line in lines]
    found = _found(texts, patterns) or _found([" ".join(texts)], patterns)
    days = {_days(match, text) for kind, match, text in found if kind == "days"}
    if len(days) > 1:
        raise _ambiguous(f"{first:%d/%m/%Y} - {last:%d/%m/%Y}" for first, last in sorted(days))
    named: set[Period] = set()
    for rank in _RANKS:
        named = {_period(rank, match) for kind, match, _ in found if kind == rank}
        if named:
            break
    if days:
        return _standing(*days.pop(), named), None
    if len(named) > 1:
        raise _ambiguous(period.label_vi for period in sorted(named))
    if not named:
        return None
    window = window_of(named.pop(), calendar)
    told = "15 tháng trước đến ngày 14" if calendar != "calendar" else "dương lịch"
    return window, (
        f"Tên biểu ghi {window.period.label_vi}, không ghi ngày: được hiểu là từ {window.first:%d/%m/%Y} đến "
        f"{window.last:%d/%m/%Y} (kỳ {told}, theo cài đặt)."
    )


def agreed_window(stated: Window | None, given: Window | None) -> Window:
    """The window of a file: the one that was given, if the title does not say another.

    Raises FileRefused (``period.disagrees``, ``period.unknown``).
    """
    if given is not None and stated is not None and (given.first, given.last) != (stated.first, stated.last):
        raise refused(
            "period.disagrees",
            f"the form says {stated.first} to {stated.last}, but {given.first} to {given.last} was stated",
            f"Biểu ghi số liệu từ {stated.first:%d/%m/%Y} đến {stated.last:%d/%m/%Y}, nhưng kỳ được chỉ định là từ "
            f"{given.first:%d/%m/%Y} đến {given.last:%d/%m/%Y}.",
            "state the form's own period, or mend its title",
            "Đề nghị chỉ định đúng kỳ của biểu, hoặc sửa dòng kỳ số liệu trong biểu rồi gửi lại.",
        )
    window = given or stated
    if window is None:
        raise refused(
            "period.unknown",
            "the form does not say which days it is about",
            "Không tìm thấy kỳ số liệu trong tên biểu (từ ngày … đến ngày …).",
            _REMEDY,
            _REMEDY_VI,
        )
    return window


def refuse_other_province(
    lines: Sequence[str], province: Province, provinces_dir: Path | None = None
) -> None:
    """Raise FileRefused (``layout.other_province``) when the lines name a province that is not the given one."""
    own = fold(province.name)
    known = {fold(other.name): other.name for other in load_provinces(provinces_dir).values()}
    known = {**{fold(name): name for name in _former()}, **known}
    for line in lines:
        text = f" {fold(line)} "
        if f" {own} " in text:
            continue
        for key, name in known.items():
            if key != own and f" {key} " in text:
                raise refused(
                    "layout.other_province",
                    f"the form is of {name}, not of {province.name}",
                    f"Biểu ghi là của {name} (dòng “{cut(line)}”), trong khi đang nhận số liệu của {province.name}.",
                    "hand it in for its own province",
                    "Đề nghị kiểm tra lại tệp; nếu gửi nhầm, gửi biểu của đúng tỉnh.",
                )


@cache
def _former() -> tuple[str, ...]:
    """Provinces that were merged on 01/07/2025: no settings file, but old forms still name them."""
    path = Path(__file__).with_name("former_provinces.txt")
    return tuple(path.read_text(encoding="utf-8").splitlines())


def _told(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.strftime("%d/%m/%Y")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return plain(value)


def _found(texts: Sequence[str], patterns: Sequence[WindowPattern]) -> list[tuple[str, re.Match[str], str]]:
    found: list[tuple[str, re.Match[str], str]] = []
    for text in texts:
        named = _DATE_LINE.sub(" ", text)
        for item in patterns:
            if item.kind == "days":
                found += [("days", match, text) for match in re.finditer(item.pattern, text)]
            elif not _CITES.search(text) and not (item.kind == "year" and _PART_OF_YEAR.search(named)):
                found += [(item.kind, match, text) for match in re.finditer(item.pattern, named)]
    return found


def _days(match: re.Match[str], text: str) -> tuple[date, date]:
    parts: Mapping[str, str | None] = match.groupdict()
    try:
        last = date(int(parts["y2"] or 0), int(parts["m2"] or 0), int(parts["d2"] or 0))
        month, day = int(parts["m1"] or 0), int(parts["d1"] or 0)
        stated = parts.get("y1")
        year = int(stated) if stated else last.year - (month > last.month)
        return date(year, month, day), last
    except ValueError as error:
        raise refused(
            "period.unknown",
            f"'{cut(match[0])}' holds a day that does not exist",
            f"Kỳ số liệu “{cut(match[0])}” có ngày không tồn tại.",
            _REMEDY,
            _REMEDY_VI,
        ) from error


def _period(kind: str, match: re.Match[str]) -> Period:
    year = int(match["year"])
    if kind == "year":
        number = 1
    else:
        text = match[kind]
        number = (
            _ROMAN.get(text, 0)
            or ({"đầu": 1, "cuối": 2}.get(text, 0))
            or (int(text) if text.isdigit() else 0)
        )
    limit = {"month": 12, "quarter": 4, "half": 2, "year": 1}[kind]
    if not (1 <= number <= limit and 2000 <= year <= 2100):
        raise refused(
            "period.unknown",
            f"'{cut(match[0])}' is no period",
            f"“{cut(match[0])}” không phải là một kỳ báo cáo.",
            _REMEDY,
            _REMEDY_VI,
        )
    return Period(kind, year, number)


def _standing(first: date, last: date, named: set[Period]) -> Window:
    """The window of two written days; a period that is named beside them must be theirs."""
    window = named_window(first, last) if first <= last else None
    if window is None:
        raise refused(
            "period.not_standard",
            f"{first} to {last} are the days of no month, quarter, half or year of either calendar",
            f"Từ {first:%d/%m/%Y} đến {last:%d/%m/%Y} không phải là một kỳ báo cáo (tháng, quý, 6 tháng, năm; tính từ "
            "ngày 15 đến ngày 14 hoặc theo tháng dương lịch).",
            _REMEDY,
            _REMEDY_VI,
        )
    if named and window.period not in named:
        told = ", ".join(period.label_vi for period in sorted(named))
        raise refused(
            "period.title_disagrees",
            f"the title names {', '.join(sorted(item.id for item in named))}, but its days are {window.period.id}",
            f"Tên biểu ghi {told}, nhưng các ngày ghi kèm (từ {first:%d/%m/%Y} đến {last:%d/%m/%Y}) là "
            f"{window.period.label_vi}.",
            _REMEDY,
            "Đề nghị sửa tên biểu cho thống nhất với số liệu rồi gửi lại.",
        )
    return window


def _ambiguous(told: Iterable[str]) -> Exception:
    names = "; ".join(told)
    return refused(
        "period.ambiguous",
        f"the form names more than one period: {names}",
        f"Tên biểu ghi nhiều kỳ số liệu khác nhau: {names}.",
        _REMEDY,
        "Đề nghị chỉ ghi một kỳ số liệu trong tên biểu rồi gửi lại.",
    )
