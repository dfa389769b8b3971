"""What an office reads about an event, in Vietnamese: what it is, how far each duty is, what to do next, and who.

Pure: an event and the duties of the installation in, a message out. Everything that came from files, people or
other systems is flattened to one line, its control and direction characters spelt (``[U+202E]``), and cut.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime

from etl.deliver.sheet_text import clean_text, number_vi, time_vi
from etl.duties import Duty
from etl.notify.message import Message
from etl.periods import VIETNAM, Period
from etl.warehouse.duty_ledger import (
    AWAITING_INPUT,
    AWAITING_SIGN_OFF,
    BUILDING,
    MISSED,
    RELEASED,
    RELEASED_LATE,
    DutyStatus,
)
from etl.watch_events import Event, Facts, awaits_signature

LONGEST_SUBJECT = 180
_LONGEST_WORDS, _LONGEST_FAILURE = 300, 600
_MISSING_SHOWN = 12
# How the ledger's sentences on missing inputs begin where they are about the portal (etl/readiness.py).
_PORTAL = "Cổng Dịch vụ công quốc gia"
_UNSEEN = re.compile(r"\s+")

_MARKS = {"info": "[Thông báo]", "warning": "[Nhắc việc]", "urgent": "[Khẩn]"}
_STATES = {
    AWAITING_INPUT: "chờ số liệu đầu vào",
    BUILDING: "đang lập",
    AWAITING_SIGN_OFF: "chờ ký duyệt",
    RELEASED: "đã phát hành",
    RELEASED_LATE: "đã phát hành muộn",
    MISSED: "quá hạn, chưa phát hành",
}


def one_line(text: str, longest: int = _LONGEST_WORDS) -> str:
    """Words of others as one visible line: no line ends, no control, direction or invisible characters."""
    # Format characters (Cf) hide: zero-width signs, soft hyphens, direction marks. They are spelt, not dropped.
    spelt = "".join(
        f"[U+{ord(letter):04X}]" if unicodedata.category(letter) in ("Cf", "Co", "Cs", "Cn") else letter
        for letter in text
    )
    return clean_text(_UNSEEN.sub(" ", spelt).strip(), longest=longest)


def message(event: Event, duties: Mapping[str, Duty]) -> Message:
    """The message of an event. ``duties``: those of the installation by id, for names of senders and receivers."""
    facts = event.facts
    report = f"báo cáo {Period.parse(event.period_id).label_vi}"
    province = one_line(facts.province_name)
    title = _TITLES[event.kind].format(report=report)
    left = _time_left(facts) if event.kind == "inputs_missing" else ""
    subject = (
        f"{_MARKS[event.severity]} {title[0].upper()}{title[1:]} - {province}{f' ({left})' if left else ''}"
    )
    actors = _unique(_actor(status, duties) for status in facts.statuses)
    parts = [
        f"Kính gửi: {'; '.join(actors)}.",
        f"Đến {_hour_vi(facts.now)}, {_OPENINGS[event.kind].format(report=report, province=province)}"
        f"{_dates(event)}",
        *(_duty_vi(status, duties) for status in facts.statuses),
        "Việc cần làm:\n" + "\n".join(f"{no}. {step}" for no, step in enumerate(_steps(event, duties), 1)),
        f"(Tin tự động của phần mềm bochiso. Mã tin: {event.key})",
    ]
    return Message(
        key=event.key,
        kind=event.kind,
        severity=event.severity,
        province_code=event.province_code,
        province_name=province,
        period_id=event.period_id,
        duties=event.duties,
        subject=one_line(subject, LONGEST_SUBJECT),
        text="\n\n".join(parts) + "\n",
        due_at=min(status.due_at for status in facts.statuses),
        at=facts.now,
    )


_TITLES = {
    "inputs_missing": "{report} còn thiếu số liệu đầu vào",
    "build_failed": "{report} lập hoặc gửi không thành công",
    "not_built": "{report} chưa có dự thảo",
    "awaits_sign_off": "dự thảo {report} chờ ký duyệt",
    "refused": "dự thảo {report} không được duyệt",
    "due_today": "hôm nay là hạn gửi {report}",
    "missed": "quá hạn gửi {report}",
    "released_late": "{report} đã phát hành muộn",
    "restated": "số liệu nguồn thay đổi sau khi phát hành {report}",
}
_OPENINGS = {
    "inputs_missing": "{report} của {province} còn thiếu số liệu đầu vào.",
    "build_failed": "lần lập hoặc gửi {report} gần nhất của {province} không thành công.",
    "not_built": "{report} của {province} không thiếu số liệu đầu vào nhưng đến nay chưa có dự thảo.",
    "awaits_sign_off": "dự thảo {report} của {province} đã lập xong, chờ ký duyệt.",
    "refused": "dự thảo {report} của {province} không được duyệt, cần sửa và trình lại.",
    "due_today": "{report} của {province} chưa phát hành. Hôm nay là ngày cuối cùng của thời hạn.",
    "missed": "{report} của {province} chưa phát hành và đã quá hạn gửi.",
    "released_late": "{report} của {province} đã phát hành, muộn so với thời hạn.",
    "restated": "số liệu nguồn của {report} của {province} đã thay đổi so với bản đã phát hành.",
}


def _time_left(facts: Facts) -> str:
    if facts.working_days_to_target:
        return f"còn {facts.working_days_to_target} ngày làm việc đến ngày mục tiêu"
    return f"còn {facts.days_to_due} ngày đến hạn gửi"


def _dates(event: Event) -> str:
    """The days that still lie ahead; the due instants stand with each duty."""
    if event.kind not in ("inputs_missing", "awaits_sign_off", "refused", "build_failed", "not_built"):
        return ""
    facts = event.facts
    target = min(status.target_day for status in facts.statuses)
    today = facts.now.astimezone(VIETNAM).date()
    said = f" Ngày mục tiêu: {target:%d/%m/%Y}"
    if facts.working_days_to_target:
        said += f" (còn {facts.working_days_to_target} ngày làm việc)"
    elif target == today:
        said += " (hôm nay)"
    else:
        said += " (đã qua)"
    if facts.days_to_due > 0:
        said += f"; còn {facts.days_to_due} ngày đến hạn gửi"
    elif facts.days_to_due == 0:
        said += "; hôm nay là hạn gửi"
    return said + "."


def _duty_vi(status: DutyStatus, duties: Mapping[str, Duty]) -> str:
    """How far one duty is: what, who, state, what lacks, failure, refusal, dates."""
    duty = duties.get(status.duty)
    lines = [f"{status.duty}. {one_line(status.name_vi)}"]
    if duty is not None:
        lines.append(f"Nơi lập: {one_line(duty.from_vi)}; nơi nhận: {one_line(duty.to_vi)}")
    lines.append(f"Tình trạng: {_state_vi(status)}")
    if status.missing and status.state not in (RELEASED, RELEASED_LATE):
        lines.append("Còn thiếu:")
        lines += [f"  + {one_line(sentence)}" for sentence in status.missing[:_MISSING_SHOWN]]
        if (more := len(status.missing) - _MISSING_SHOWN) > 0:
            lines.append(f"  + … và {number_vi(more)} nội dung khác")
    if status.failure is not None:
        at = f" (lúc {time_vi(status.failed_at)})" if status.failed_at else ""
        lines.append(f"Lỗi lần gần nhất{at}: {one_line(status.failure, _LONGEST_FAILURE)}")
    if status.refused_by is not None or status.refused_at is not None:
        who = f" {one_line(status.refused_by)}" if status.refused_by else ""
        at = f" (lúc {time_vi(status.refused_at)})" if status.refused_at else ""
        lines.append(f"Người không duyệt:{who or ' không ghi'}{at}")
        lines.append(f"Ý kiến: {one_line(status.refusal) if status.refusal else 'không ghi'}")
    if status.restated > 0:
        lines.append(f"Số giá trị đã thay đổi so với bản phát hành: {number_vi(status.restated)}")
    if status.released_at is not None:
        lines.append(f"Phát hành lúc: {time_vi(status.released_at)}")
    lines.append(f"Hạn gửi: {time_vi(status.due_at)}")
    return "\n".join(lines[:1] + [line if line.startswith("  ") else f"- {line}" for line in lines[1:]])


def _state_vi(status: DutyStatus) -> str:
    number = f"bản số {status.release_no}" if status.release_no else ""
    built = f"lập lúc {time_vi(status.built_at)}" if status.built_at else ""
    of_release = ", ".join(part for part in (number, built) if part)
    if awaits_signature(status):
        late = "quá hạn, " if status.state == MISSED else ""
        return f"{late}dự thảo chờ ký duyệt" + (f" ({of_release})" if of_release else "")
    if status.state in (RELEASED, RELEASED_LATE) and number:
        return f"{_STATES[status.state]} ({number})"
    return _STATES[status.state]


def _actor(status: DutyStatus, duties: Mapping[str, Duty]) -> str:
    duty = duties.get(status.duty)
    return one_line(duty.from_vi) if duty else f"Đơn vị phụ trách nội dung {status.duty}"


# --- what to do next ---------------------------------------------------------------------------


def _steps(event: Event, duties: Mapping[str, Duty]) -> list[str]:
    statuses = event.facts.statuses
    steps: list[str] = []
    if event.kind in ("released_late", "restated"):
        steps += _after_release(event, duties)
    waiting = [one for one in statuses if awaits_signature(one)]
    if waiting:
        steps += _sign(waiting, duties)
    refused = [one for one in statuses if one.refused_at is not None or one.refused_by is not None]
    if refused:
        steps.append(
            f"{_who(refused, duties)}: sửa số liệu hoặc nội dung theo ý kiến nêu trên, rồi lập lại dự thảo để trình ký: "
            f"{_rebuild(refused[0])}"
        )
    failed = [one for one in statuses if one.failure is not None]
    if failed:
        again = _rebuild(failed[0])
        if failed[0].state in (RELEASED, RELEASED_LATE):
            again = "`bochiso release send <mã>` (mã: `bochiso release list`), hoặc lập lại: " + again
        steps.append(
            f"Cán bộ phụ trách phần mềm của {_who(failed, duties)}: xem nguyên nhân nêu trên (lệnh `bochiso status`), "
            f"khắc phục rồi chạy lại: {again}"
        )
    lacking = [one for one in statuses if one.missing and one.state in (AWAITING_INPUT, BUILDING, MISSED)]
    steps += _unique(step for one in lacking for step in _bring_inputs(one, duties))
    idle = [
        one
        for one in statuses
        if one.state in (AWAITING_INPUT, BUILDING, MISSED)
        and not (one.missing or one.failure or one in waiting or one in refused)
    ]
    if idle:
        steps.append(
            f"{_who(idle, duties)}: số liệu không thiếu nhưng chưa có dự thảo; lập ngay: {_rebuild(idle[0])}"
        )
    if event.kind == "missed":
        steps.append(
            f"{_who(statuses, duties)}: báo cáo lý do chậm với nơi nhận ({_receivers(statuses, duties)}) "
            "và phát hành ngay khi hoàn thành; phần mềm ghi nhận là phát hành muộn."
        )
    return steps


def _sign(statuses: list[DutyStatus], duties: Mapping[str, Duty]) -> list[str]:
    leaders = _unique(f"Lãnh đạo {_actor(one, duties)}" for one in statuses)
    numbers = _unique(str(one.release_no) for one in statuses if one.release_no)
    drafts = f" (bản số {', '.join(numbers)})" if numbers else ""
    return [
        f"{'; '.join(leaders)}: xem dự thảo{drafts}, duyệt hoặc không duyệt kèm ý kiến tại mục “Required Actions” "
        "trên trang Airflow; hoặc lấy mã bằng lệnh `bochiso release list --waiting`, rồi chạy "
        "`bochiso release approve <mã> --by <họ tên>` hay `bochiso release reject <mã> --by <họ tên> --comment <ý kiến>`."
    ]


def _bring_inputs(status: DutyStatus, duties: Mapping[str, Duty]) -> list[str]:
    """One step a source that lacks; without the duty's rules, the one that always holds."""
    duty = duties.get(status.duty)
    if duty is None:
        return [f"{_actor(status, duties)}: bổ sung số liệu còn thiếu nêu trên."]
    of_portal = [sentence.startswith(_PORTAL) for sentence in status.missing]
    steps = []
    for rule in duty.inputs:
        period = rule.period.of(Period.parse(status.period_id))
        # Better a step too many than the wrong one: with one source only, its step always stands.
        if len(duty.inputs) > 1 and (rule.source == "national_portal") not in of_portal:
            continue
        if rule.source == "digitization":
            steps.append(
                "Sở phụ trách Hệ thống thông tin giải quyết TTHC: gửi biểu số hóa hoặc danh sách hồ sơ "
                f"{period.label_vi} vào thư mục tiếp nhận (inbox); kiểm tra tệp trước bằng lệnh `bochiso check <tệp>`."
            )
        else:
            steps.append(
                f"Văn phòng UBND tỉnh: đọc lại số liệu {period.label_vi} của {_PORTAL} bằng lệnh "
                f"`bochiso run ingest --province {status.province_code} --period {period.id}`; nếu Cổng từ chối, "
                "liên hệ đơn vị vận hành Cổng, không thử lại liên tục."
            )
    return steps


def _after_release(event: Event, duties: Mapping[str, Duty]) -> list[str]:
    statuses = event.facts.statuses
    if event.kind == "released_late":
        return [
            f"{_who(statuses, duties)}: ghi rõ lý do chậm khi gửi {_receivers(statuses, duties)}; "
            "rà soát nguyên nhân để kỳ sau đúng hạn."
        ]
    return [
        f"{_who(statuses, duties)}: xem chênh lệch trong khung nhìn mart.restatements (lệnh `bochiso sql`) "
        "và đánh giá mức độ ảnh hưởng.",
        f"Nếu cần đính chính, lập bản mới để trình ký: {_rebuild(statuses[0])} Bản đã phát hành được giữ nguyên.",
    ]


def _rebuild(status: DutyStatus) -> str:
    """The command that builds a report again of what is in the warehouse."""
    return f"`bochiso release build --province {status.province_code} --period {status.period_id}`."


def _who(statuses: Iterable[DutyStatus], duties: Mapping[str, Duty]) -> str:
    return "; ".join(_unique(_actor(one, duties) for one in statuses))


def _receivers(statuses: Iterable[DutyStatus], duties: Mapping[str, Duty]) -> str:
    known = [duties[one.duty] for one in statuses if one.duty in duties]
    return "; ".join(_unique(one_line(duty.to_vi) for duty in known)) or "cơ quan nhận báo cáo"


def _unique(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))


def _hour_vi(at: datetime) -> str:
    """ "07:10 ngày 10/02/2026"."""
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    return at.astimezone(VIETNAM).strftime("%H:%M ngày %d/%m/%Y")
