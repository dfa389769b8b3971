"""Receipts built by hand: taken, taken in part, refused, known, tried; and hostile words."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime
from typing import Any

from etl.inbox.receipt import Block, Check, Figures, Reason, Receipt, Refusal
from etl.sources.digitization import MEASURES

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "=cmd|' /C calc'!A0",
    "gnp.\u202excod.mrof",
    "a\u2066b\u200bc\u00add\u061ce\ufefff",
    "\x1b[31mred\x1b[0m\x07\x00",
    "{{ 7*7 }}{% raw %}",
    "\ud800lone",
    "e" + "\u0301" * 400,
    "x" * 10_240,
    "line one\r\nline two\u2028line three",
)
SHA256 = "9f2b1c0d" * 8


def figures(block: str, *values: int | None) -> Figures:
    return Figures(block, dict(zip(MEASURES, values, strict=True)))


def receipt(**changes: Any) -> Receipt:
    taken = Receipt(
        file_name="Biểu số hóa tháng 9.xlsx",
        sha256=SHA256,
        size_bytes=48_213,
        received_at=datetime(2026, 9, 16, 2, 14, 39, tzinfo=UTC),
        state="accepted",
        software="bochiso 0.1.0",
        kind_vi="Biểu số hóa hồ sơ (mẫu 10 cột)",
        layout="so_hoa_10_cot@1",
        province_code="H44",
        province_vi="tỉnh Phú Thọ",
        period_id="2026-09",
        window_kind="administrative",
        period_start=date(2026, 8, 15),
        period_end=date(2026, 9, 14),
        rows_read=176,
        rows_published=168,
        rows_quarantined=0,
        rows_ignored=8,
        rows_ignored_by_kind={"numbering": 1, "section": 2, "total": 3, "footer": 2},
        blocks=(Block("department", 20, 20, (), True), Block("commune", 148, 148, (), True)),
        figures=(
            figures("department", 61_204, 9_310, 51_894, 30_112, 18_455, 58_903, 4_120, 54_783),
            figures("commune", 123_309, 21_877, 101_432, 70_018, 33_280, 119_540, 14_366, 105_174),
            figures("ALL", 184_513, 31_187, 133_326, 100_130, 51_735, 178_443, 18_486, 159_957),
        ),
        notes_vi=(
            "Ngày số liệu lấy từ dòng “Từ ngày 15/08/2026 đến ngày 14/09/2026”.",
            "Có 2 dòng ẩn; số liệu của các dòng này vẫn được đọc.",
        ),
        snapshot_id="0b8f7c52-6a88-5c0e-8a76-6b0c50c51766",
    )
    return dataclasses.replace(taken, **changes)


def partly(count: int = 4) -> Receipt:
    first = (
        Refusal(
            "not_a_whole_number",
            "“Tiếp nhận” phải là số nguyên không âm; ô này ghi 12,5. Sửa thành số hồ sơ.",
            "Biểu 1", 27, "received", "C", "12,5", "'Biểu 1'!C27",
        ),
        Refusal(
            "components_add_up",
            "Chưa số hóa (14) cộng Có số hóa (130) phải bằng Tiếp nhận (150). Kiểm tra lại cột 3, 4, 5.",
            "Biểu 1", 31, "components_digitized", "E", "130", "'Biểu 1'!E31",
        ),
        Refusal(
            "unit_unknown",
            "Không có đơn vị “UBND xã Hy Cươg” trong danh mục cấp xã. Có phải “UBND xã Hy Cương”?",
            "Biểu 1", 88, "unit_name", "B", "UBND xã Hy Cươg", "'Biểu 1'!B88",
        ),
        Refusal(
            "missing_value",
            "Ô “Đã số hóa” (kết quả giải quyết) để trống. Nếu không có hồ sơ nào thì ghi 0.",
            "Biểu 1", 102, "results_digitized", "J", None, "'Biểu 1'!J102",
        ),
    )  # fmt: skip
    rows = [
        first[place] if place < len(first) else dataclasses.replace(first[0], row=200 + place)
        for place in range(count)
    ]
    return receipt(
        refusals=tuple(rows),
        rows_published=168 - count,
        rows_quarantined=count,
        blocks=(
            Block("department", 20, 20, (), True),
            Block(
                "commune", 144, 148, ("UBND xã Hy Cương", "UBND xã Đoan Hùng", "UBND phường Việt Trì"), True
            ),
        ),
        checks=(
            Check(
                "results_near_resolved",
                "warn",
                "Chưa số hóa + Đã số hóa (kết quả) khác Đã giải quyết ở 6 đơn vị.",
                "6",
                "0",
            ),
        ),
    )


def refused(**changes: Any) -> Receipt:
    plain: dict[str, Any] = {
        "file_name": "Bieu 06 thang 9.xlsx",
        "state": "refused",
        "kind_vi": "Biểu số 06/VPCP (tình hình giải quyết thủ tục hành chính)",
        "layout": None, "period_id": None, "window_kind": None, "period_start": None, "period_end": None,
        "rows_read": None, "rows_published": None, "rows_quarantined": None, "rows_ignored": None,
        "rows_ignored_by_kind": {}, "blocks": (), "figures": (), "notes_vi": (), "snapshot_id": None,
        "refusal": Reason(
            "layout.foreign_form",
            "Đây là biểu 06/VPCP: cột (9), (10) là “trước hạn”, “đúng hạn”, không phải kết quả số hóa.",
            "Gửi biểu số hóa hồ sơ, có cột (9) “Chưa số hóa” và cột (10) “Đã số hóa”.",
            "'Biểu 06'!I7",
        ),
    }  # fmt: skip
    return receipt(**(plain | changes))


def hostile(text: str) -> Receipt:
    """Every string a stranger may have written is ``text``."""
    return receipt(
        file_name=text,
        kind_vi=text,
        layout=text,
        province_vi=text,
        rows_ignored_by_kind={text: 3},
        blocks=(Block(text, 1, 2, (text, text)),),
        figures=(Figures(text, {"received": 1}),),
        refusals=(Refusal(text, text, text, 3, text, None, text, text),),
        checks=(Check(text, "fail", text, text, text),),
        refusal=Reason(text, text, text, text),
        notes_vi=(text,),
        what_to_do_vi=(text,),
    )
