"""From what the stages left in a file's work folder to its receipt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import pyarrow as pa
import pyarrow.compute as pc

from etl import __version__
from etl.errors import BochisoError, FileRefused, ValidationFailed
from etl.inbox.claim import Claim
from etl.inbox.receipt import Block, Check, Figures, Reason, Receipt, refusals_of
from etl.periods import named_window
from etl.reference.provinces import Province
from etl.sources.digitization import LIST_SOURCE, MEASURES, DigitizationReading
from etl.validate.digitization import DigitizationVerdict

_KINDS = {"digitization_form": "Biểu thống kê số hóa", LIST_SOURCE: "Danh sách hồ sơ"}


class Told(TypedDict):
    """What publishing leaves for the receipt. ``withheld``: a whole reading already speaks for every block."""

    snapshot_id: str
    new: bool
    withheld: bool
    notes_vi: list[str]


class Refused(TypedDict):
    """What a refusal leaves for the receipt."""

    rule: str
    message_vi: str
    remedy_vi: str
    locator: str | None


def refusal_of(error: Exception) -> Refused:
    """An error's words for the office. A fault of ours is called one, and says nothing of the file."""
    if isinstance(error, FileRefused):
        return Refused(
            rule=error.rule, message_vi=error.message_vi, remedy_vi=error.remedy_vi, locator=error.locator
        )
    if isinstance(error, ValidationFailed):
        return Refused(
            rule="checks.failed",
            message_vi="Số liệu không đạt kiểm tra nên chưa được đưa vào kho; các mục không đạt ghi ở dưới.",
            remedy_vi="Sửa các ô, các dòng đã nêu rồi gửi lại tệp.",
            locator=None,
        )
    if isinstance(error, BochisoError):
        return Refused(
            rule="program.refused",
            message_vi="Hệ thống chưa nhận được tệp này vì một lý do không nằm trong tệp.",
            remedy_vi="Báo cho người quản trị hệ thống; không cần sửa tệp.",
            locator=None,
        )
    return Refused(
        rule="program.fault",
        message_vi="Chương trình gặp lỗi khi xử lý tệp này.",
        remedy_vi="Báo cho người quản trị hệ thống kèm phiếu này; không cần sửa tệp.",
        locator=None,
    )


def build_receipt(
    claim: Claim,
    province: Province,
    reading: DigitizationReading | None,
    verdict: DigitizationVerdict | None,
    refusal: Refused | None,
    published: Told | None,
    *,
    checked: bool,
) -> Receipt:
    """The receipt of one file; what was not reached stays None."""
    state: Any = "refused"
    if checked:
        state = "checked"
    elif refusal is None and published is not None:
        state = "accepted" if published["new"] or published["withheld"] else "already_known"
    if checked and refusal is None and verdict is not None and verdict.state == "failed":
        refusal = refusal_of(ValidationFailed("", ""))
    window = named_window(reading.first, reading.last) if reading is not None else None
    said: dict[str, Any] = {}
    if reading is not None:
        said |= {
            "kind_vi": _KINDS[reading.source],
            "layout": reading.layout,
            "period_start": reading.first,
            "period_end": reading.last,
            "period_id": window.period.id if window else None,
            "window_kind": window.kind if window else None,
            "is_sample": reading.is_sample,
            "notes_vi": reading.notes_vi,
            "rows_read": reading.rows_read,
            "rows_published": 0,
            "rows_quarantined": reading.rows_quarantined,
            "rows_ignored": reading.rows_ignored,
            "rows_ignored_by_kind": dict(reading.ignored),
            "refusals": refusals_of(reading.rejected),
        }
    if verdict is not None:
        said |= {
            "rows_published": verdict.rows_good,
            "rows_quarantined": verdict.rows_quarantined,
            "rows_ignored": verdict.rows_ignored,
            "refusals": refusals_of(verdict.rejected),
            "checks": _checks(verdict),
            "blocks": _blocks(verdict),
            "figures": _figures(verdict),
        }
    if refusal is not None and said:  # nothing was taken: whatever does not count anyway was held back
        said |= {"rows_published": 0, "rows_quarantined": said["rows_read"] - said["rows_ignored"]}
    if published is not None:
        said["snapshot_id"] = published["snapshot_id"]
        said["withheld"] = published["withheld"]
        said["notes_vi"] = (*said.get("notes_vi", ()), *published["notes_vi"])
    return Receipt(
        file_name=claim.file_name,
        sha256=claim.sha256,
        size_bytes=claim.size_bytes,
        received_at=claim.received_at,
        state=state,
        software=f"bochiso {__version__}",
        province_code=province.code,
        province_vi=province.name,
        refusal=Reason(**refusal) if refusal is not None else None,
        **said,
    )


def _checks(verdict: DigitizationVerdict) -> tuple[Check, ...]:
    return tuple(
        Check(
            rule=f"{line['suite']}.{line['rule']}",
            severity="fail" if line["state"] == "failed" else "warn",
            title_vi=line["detail_vi"],
            observed=line["observed"],
            expected=line["expected"],
        )
        for line in verdict.results.to_pylist()
        if line["state"] != "passed"
    )


def _blocks(verdict: DigitizationVerdict) -> tuple[Block, ...]:
    return tuple(
        Block(
            block=line["block"],
            units=line["units"],
            expected_units=line["expected_units"],
            missing_units=tuple(line["missing_units"] or ()),
            complete=line["complete"],
        )
        for line in verdict.blocks.to_pylist()
    )


def _figures(verdict: DigitizationVerdict) -> tuple[Figures, ...]:
    """Sums per block and, where there are several, over all. Null where one unit's is null."""
    blocks = verdict.good["block"].unique().to_pylist()
    named = [(block, verdict.good.filter(pc.equal(verdict.good["block"], block))) for block in blocks]
    if len(named) > 1:
        named.append(("ALL", verdict.good))
    return tuple(Figures(block, _sums(rows)) for block, rows in named)


def _sums(rows: pa.Table) -> Mapping[str, int | None]:
    return {
        name: pc.sum(rows[name]).as_py() if rows.num_rows and not rows[name].null_count else None
        for name in MEASURES
    }
