"""The appendix workbook: the same bytes for the same data, and the right cells."""

from __future__ import annotations

import dataclasses
import datetime as clock
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import time
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import openpyxl.packaging.core
import openpyxl.writer.excel
import pytest
from appendix_cases import (
    CASES,
    NAMES,
    READ_AT,
    appendix_data,
    by_name,
    cells_of,
    d,
    department_rows,
    golden_file,
    header_row,
    opened,
    restatement_rows,
    texts,
    unit,
    unit_rows,
    workbook_of,
)

from etl.deliver.appendix import render_appendix
from etl.deliver.appendix_blocks import block_means
from etl.deliver.appendix_data import NationalRank
from etl.deliver.sheet_conventions import Band, load_workbook_style
from etl.periods import Period

PROJECT = Path(__file__).parents[2]

# ------------------------------------------------------------------ the same bytes


def test_same_data_give_the_same_bytes() -> None:
    assert render_appendix(appendix_data(), NAMES) == render_appendix(appendix_data(), NAMES)


def test_other_data_give_other_bytes() -> None:
    assert render_appendix(appendix_data(restatements=()), NAMES) != render_appendix(appendix_data(), NAMES)


def test_a_changed_wall_clock_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def plain_save() -> bytes:
        buffer = io.BytesIO()
        openpyxl.Workbook().save(buffer)
        return buffer.getvalue()

    before, plain_before = render_appendix(appendix_data(), NAMES), plain_save()
    later = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)

    class LaterDatetime(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return later if tz else later.replace(tzinfo=None)

    class LaterModule:
        datetime = LaterDatetime
        UTC, timezone, timedelta = clock.UTC, clock.timezone, clock.timedelta

    for module in (openpyxl.packaging.core, openpyxl.writer.excel):
        monkeypatch.setattr(module, "datetime", LaterModule)
    monkeypatch.setattr(time, "time", later.timestamp)
    assert plain_save() != plain_before, "the patched clock does not reach openpyxl: the test proves nothing"
    assert render_appendix(appendix_data(), NAMES) == before


def test_another_process_zone_and_hash_seed_give_the_same_bytes() -> None:
    program = (
        "import sys, hashlib; sys.path[:0] = sys.argv[1:3];"
        "import appendix_cases as c;"
        "print(hashlib.sha256(c.render_appendix(c.appendix_data(), c.NAMES)).hexdigest())"
    )
    environment = {**os.environ, "TZ": "America/New_York", "PYTHONHASHSEED": "4242", "USER": "someone"}
    run = subprocess.run(
        [sys.executable, "-c", program, str(Path(__file__).parent), str(PROJECT)],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout.strip() == hashlib.sha256(render_appendix(appendix_data(), NAMES)).hexdigest()


def test_the_package_names_no_user_and_no_clock() -> None:
    with zipfile.ZipFile(io.BytesIO(render_appendix(appendix_data(), NAMES))) as package:
        assert package.namelist()[0] == "[Content_Types].xml"
        assert {entry.date_time for entry in package.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        core = package.read("docProps/core.xml").decode()
        app = package.read("docProps/app.xml").decode()
    assert "openpyxl" not in core
    assert "lastModifiedBy" not in core
    assert "<dc:creator>Văn phòng UBND tỉnh Phú Thọ</dc:creator>" in core
    assert set(re.findall(r"\d{4}-\d\d-\d\dT[\d:]+Z", core)) == {"2026-09-26T18:14:39Z"}
    assert "<Manager>" not in app
    assert "<Company>" not in app


# ------------------------------------------------------------------ the right cells


@pytest.mark.parametrize("period_id", list(CASES))
def test_every_cell_is_as_in_the_golden_file(period_id: str) -> None:
    golden = json.loads(golden_file(period_id).read_text(encoding="utf-8"))
    actual = cells_of(workbook_of(CASES[period_id]()))
    assert list(actual) == list(golden), "sheets differ"
    assert sum(map(len, golden.values())) > 400
    differences = [
        (sheet, cell, golden[sheet].get(cell), actual[sheet].get(cell))
        for sheet in golden
        for cell in sorted({*golden[sheet], *actual[sheet]})
        if golden[sheet].get(cell) != actual[sheet].get(cell)
        or type(golden[sheet].get(cell)) is not type(actual[sheet].get(cell))
    ]
    assert differences == []


def test_sheets_follow_the_blocks_that_exist() -> None:
    assert opened().sheetnames == [
        "Mục lục",
        "Toàn tỉnh",
        "Sở, ban, ngành",
        "Cấp xã",
        "Biểu đồ",
        "Chất lượng số liệu",
        "Điều chỉnh số liệu",
    ]
    district = unit("district", "UBND huyện Côn Đảo", "18 20 12 10 22 18", 1)
    before_2025 = opened(units=(*appendix_data().units, district), restatements=())
    assert before_2025.sheetnames == [
        "Mục lục",
        "Toàn tỉnh",
        "Sở, ban, ngành",
        "Cấp huyện",
        "Cấp xã",
        "Biểu đồ",
        "Chất lượng số liệu",
    ]
    assert [sheet["A1"].value for sheet in before_2025] == [
        "MỤC LỤC CÁC PHỤ LỤC",
        *(f"PHỤ LỤC {n}" for n in ("I", "II", "III", "IV", "V", "VI")),
    ]


def test_a_block_nobody_named_gets_a_sheet_whatever_its_code() -> None:
    strange = unit("land/office: [x]*?" + "y" * 40, "Đơn vị lạ", "8 20 12 10 22 18", 1)
    book = opened(units=(*appendix_data().units, strange))
    assert book.sheetnames[4] == "land-office- -x---" + "y" * 13
    assert by_name(book[book.sheetnames[4]])["Đơn vị lạ"][8] == 90


def test_banner_is_that_of_an_administrative_appendix() -> None:
    sheet = opened()["Cấp xã"]
    assert sheet["A2"].value.startswith("KẾT QUẢ THỰC HIỆN BỘ CHỈ SỐ")
    assert sheet["A3"].value == "UBND CẤP XÃ TỈNH PHÚ THỌ – THÁNG 8/2026"
    assert re.fullmatch(r"\(Kèm theo Báo cáo số +/BC-VP ngày +tháng +năm +của .*\)", sheet["A4"].value)


def test_headings_are_numbered_and_carry_maxima() -> None:
    sheet = opened()["Sở, ban, ngành"]
    row = header_row(sheet)
    assert [cell.value for cell in sheet[row]] == [f"({n})" for n in range(1, 15)]
    assert sheet.cell(row - 1, 3).value == "CKMB\nCông khai, minh bạch\n(tối đa 18)"
    assert [re.findall(r"tối đa (\d+)", sheet.cell(row - 1, c).value)[0] for c in range(3, 10)] == [
        "18", "20", "12", "10", "22", "18", "100"
    ]  # fmt: skip


def test_units_are_sorted_by_rank_then_vietnamese_name() -> None:
    departments = unit_rows(opened()["Sở, ban, ngành"])[:-1]
    assert [(row[1], row[9]) for row in departments] == [
        ("Sở Xây dựng", 1), ("Sở Nội vụ", 2), ("Sở Y tế", 2), ("Thanh tra tỉnh", 5), ("Sở Công Thương", None)
    ]  # fmt: skip
    assert [row[0] for row in departments] == [1, 2, 3, 4, 5]
    communes = unit_rows(opened()["Cấp xã"])
    assert [row[1] for row in communes[:2]] == ["UBND xã Duy Tiên", "UBND xã Đoan Hùng"], "all of D before Đ"


def test_changes_name_their_period_and_stay_blank_without_one() -> None:
    sheet = opened()["Sở, ban, ngành"]
    assert "tháng 7/2026" in sheet.cell(header_row(sheet) - 1, 11).value
    rows = by_name(sheet)
    assert rows["Sở Xây dựng"][10:12] == (2.25, 1)
    assert rows["Sở Y tế"][10:12] == (0, 0)
    assert rows["Thanh tra tỉnh"][10:12] == (None, None)
    alone = tuple(
        dataclasses.replace(u, total_change=None, rank_change=None, compared_period_id=None)
        for u in department_rows()
    )
    first = opened(units=alone)["Sở, ban, ngành"]
    assert "kỳ trước" in first.cell(header_row(first) - 1, 11).value
    assert any("Không có kỳ trước cùng loại để so sánh" in text for text in texts(first))
    assert not any("Không có kỳ trước cùng loại để so sánh" in text for text in texts(sheet))


def test_missing_is_blank_and_zero_is_zero() -> None:
    workbook = opened()
    departments, communes = by_name(workbook["Sở, ban, ngành"]), by_name(workbook["Cấp xã"])
    assert departments["Thanh tra tỉnh"][3] == 0
    assert departments["Sở Công Thương"][7:10] == (None, None, None)
    assert communes["UBND xã Không Số Liệu"][2:13] == (None,) * 11
    assert communes["UBND xã Không Số Liệu"][13] == "Không có số liệu"
    province = {row[0]: row for row in workbook["Toàn tỉnh"].iter_rows(values_only=True)}
    assert province["1.1"][2:7] == (0, 0, None, None, 6)
    assert province["4.4"][2:7] == (0, 184513, 0, 0, 4)
    assert province["4.x"][2:7] == (None, None, 100, 2, 2)
    restated = next(workbook["Điều chỉnh số liệu"].iter_rows(min_row=7, values_only=True))
    assert restated[4:6] == (None, 0)


def test_what_the_portal_changed_is_told_in_words() -> None:
    one = restatement_rows(1)[0]
    changes = tuple(
        dataclasses.replace(one, indicator_code=code, field=field, old_value=old, new_value=new)
        for code, field, old, new in (
            ("TOTAL", "presence", "present", "absent"),
            ("1.4", "quality_flag", None, "TEMP_NATIONAL_REPORT_DENOMINATOR"),
        )
    )
    rows = opened(restatements=changes)["Điều chỉnh số liệu"].iter_rows(values_only=True)
    assert [row[2:6] for row in rows if isinstance(row[0], int)] == [
        ("Tổng điểm", "Có trong số liệu", "có", "không có"),
        ("1.4", "Cờ chất lượng", "không có", "Cổng tính theo mẫu số tạm"),
    ]


def test_a_group_shows_the_counts_the_portal_publishes_for_it() -> None:
    """Only a group of one scored component has them; they must be what the other documents show."""
    changed = tuple(
        dataclasses.replace(row, numerator=Decimal(133449), denominator=Decimal(157457))
        if row.indicator_code == "TDGQ"
        else row
        for row in appendix_data().indicators
    )
    rows = opened(indicators=changed)["Toàn tỉnh"].iter_rows(values_only=True)
    groups = {row[1]: row[2:4] for row in rows if row[0] in ("I", "II", "III")}
    assert groups["Tiến độ giải quyết (TDGQ)"] == (133449, 157457)
    assert groups["Công khai, minh bạch (CKMB)"] == (None, None)


def test_the_mean_is_taken_over_the_same_units_in_every_column() -> None:
    sheet = opened()["Sở, ban, ngành"]
    mean = by_name(sheet)["Trung bình khối (tính toán)"]
    # Without Thanh tra tỉnh (no dossiers) and Sở Công Thương (no MDHL, so no total): three units everywhere.
    assert mean[2] == 7.97  # (7.96 + 7.96 + 8) / 3
    assert mean[3] == 18.73, "Sở Công Thương's 10 is not in it: (18.10 + 18.10 + 20) / 3"
    assert mean[7] == 18
    assert mean[8] == 83.33  # (90 + 80 + 80) / 3
    assert abs(sum(mean[2:8]) - mean[8]) < 0.04, "means of the same units add up, but for rounding"
    assert (
        "bình quân giản đơn của 3 đơn vị có đủ số liệu, như nhau ở mọi cột; không gồm 1 đơn vị không phát sinh "
        "hồ sơ và 1 đơn vị thiếu số liệu của một hay nhiều nhóm; làm tròn"
    ) in texts(sheet)[-1]


def test_means_round_half_up_and_know_a_column_nobody_has() -> None:
    rows = [unit("department", "A", "1 1 - - 1 1.00", 1), unit("department", "B", "1 1 - - 1 1.01", 1)]
    whole = [dataclasses.replace(row, total=Decimal(70)) for row in rows]
    means = block_means(whole)
    assert (means.units, means.total) == (2, 70), (
        "an export without the split of CLGQ and TTTT has means, too"
    )
    assert means.group_scores == (1, 1, None, None, 1, Decimal("1.01")), "1.005 is 1.01"
    assert block_means(rows).total is None
    nothing = block_means([unit("department", "A", "- - - - - -", None)])
    assert (nothing.units, nothing.group_scores, nothing.total) == (0, (None,) * 6, None)
    assert block_means([]).total is None


def test_a_block_without_one_whole_unit_has_no_mean_and_says_so() -> None:
    rows = (unit("department", "A", "1 1 1 1 1 -", None), unit("department", "B", "- 1 1 1 1 1", None))
    sheet = opened(units=rows)["Sở, ban, ngành"]
    assert set(by_name(sheet)["Trung bình khối (tính toán)"][2:9]) == {None}
    assert "Trung bình khối để trống: không có đơn vị nào đủ số liệu ở mọi cột." in texts(sheet)[-1]


def test_notes_flags_and_marks() -> None:
    sheet = opened()["Cấp xã"]
    rows = by_name(sheet)
    assert rows["UBND xã Vắng"][13] == "Không phát sinh hồ sơ"
    assert rows["UBND xã Hy Cương"][13] == "1.4: Cổng không có dữ liệu báo cáo tổng hợp"
    assert rows["UBND xã Lạ"][13] == "4.2: cờ chất lượng của Cổng NEW_FLAG"
    assert rows["UBND xã Đoan Hùng"][13] is None, (
        "a flag nearly everyone has is one footnote, not a note each"
    )
    foot = texts(sheet)[-1]
    assert foot.count("* Tạm tính: chỉ số 1.4 (8/12 đơn vị)") == 1
    formats = {str(r[1].value): r[2].number_format for r in sheet.iter_rows(min_row=header_row(sheet) + 1)}
    assert formats["UBND xã Đoan Hùng"] == '#,##0.00"*"'
    assert formats["UBND xã Hy Cương"] == "#,##0.00_*"


def test_rating_is_labelled_a_convention_and_can_be_changed() -> None:
    sheet = opened()["Sở, ban, ngành"]
    rows = by_name(sheet)
    assert [rows[name][12] for name in ("Sở Xây dựng", "Sở Y tế", "Thanh tra tỉnh", "Sở Công Thương")] == [
        "Xuất sắc", "Tốt", None, None
    ]  # fmt: skip
    assert "Màu và xếp loại là quy ước, không phải quy định" in texts(sheet)[-1]
    assert "Xuất sắc 1, Tốt 2, Khá 0, Trung bình 0, Yếu 0, không xếp loại 2." in texts(sheet)[-1]
    bands = (Band(minimum=Decimal(85), name="Đạt"), Band(minimum=Decimal(0), name="Chưa đạt"))
    style = load_workbook_style().model_copy(update={"bands": bands})
    own = render_appendix(appendix_data(), NAMES, style=style)
    other = by_name(openpyxl.load_workbook(io.BytesIO(own))["Sở, ban, ngành"])
    assert (other["Sở Xây dựng"][12], other["Sở Y tế"][12]) == ("Đạt", "Chưa đạt")


def test_province_sheet_notes_and_unknown_groups() -> None:
    rows = {row[0]: row for row in opened()["Toàn tỉnh"].iter_rows(values_only=True)}
    assert rows["1.1"][7] == "Giá trị chung của tỉnh, không xếp hạng; không phát sinh trong kỳ"
    assert rows["1.4"][7] == "* tạm tính: mẫu số tạm"
    assert rows["2.2"][7] == "Giá trị 7,05 ngày; chỉ theo dõi, không chấm điểm"
    assert rows["3.1"][7] == "Cổng không công bố điểm riêng"
    assert rows["5.1a"][6:8] == (0, "Chỉ theo dõi, không chấm điểm")
    assert rows["9.9"][1] == "Chỉ số chưa khai báo", "an indicator of no known group is shown, never dropped"
    assert rows["I"][5:7] == (7.96, 18)


@pytest.mark.parametrize(
    ("national", "sentence"),
    [
        (
            NationalRank(12, 34, d("61.25"), 2, "2026-07", READ_AT),
            "Xếp hạng toàn quốc: 12/34 tỉnh, thành phố, tăng 2 bậc so với tháng 7/2026, theo bảng "
            "toàn quốc chụp lúc 27/09/2026 01:14 (bảng này ghi 61,25 điểm).",
        ),
        (
            NationalRank(34, 34, d("61.27"), None, None, READ_AT),
            "Xếp hạng toàn quốc: 34/34 tỉnh, thành phố, theo bảng toàn quốc chụp lúc 27/09/2026 01:14.",
        ),
        (None, "Xếp hạng toàn quốc: chưa có bảng xếp hạng các tỉnh, thành phố của kỳ này."),
        (
            NationalRank(None, 33, None, None, None, READ_AT),
            "Xếp hạng toàn quốc: tỉnh Phú Thọ không có hạng theo bảng toàn quốc chụp lúc 27/09/2026 01:14.",
        ),
    ],
)
def test_national_rank_or_a_sentence_why_not(national: NationalRank | None, sentence: str) -> None:
    sheet = opened(national=national)["Toàn tỉnh"]
    assert (
        sheet["A5"].value
        == "Tổng điểm tỉnh Phú Thọ: 61,27/100 điểm; thay đổi so với tháng 7/2026: +1,25 điểm."
    )
    assert sheet["A6"].value == sentence


def test_every_sheet_ends_with_source_and_vietnamese_capture_time() -> None:
    for sheet in opened():
        assert texts(sheet)[-1].endswith(
            "Nguồn: Cổng Dịch vụ công quốc gia (dichvucong.gov.vn); kỳ số liệu: tháng 8/2026; "
            "thời điểm chụp số liệu: từ 27/09/2026 01:14 đến 27/09/2026 01:15 (giờ Việt Nam)."
        ), sheet.title


def test_a_running_period_says_so_in_every_title() -> None:
    snapshot = dataclasses.replace(appendix_data().snapshot, provisional=True)
    workbook = opened(snapshot=snapshot, period=Period.parse("2026-Q3"))
    assert all(sheet["A3"].value.endswith("– QUÝ III/2026 (SỐ LIỆU TẠM THỜI)") for sheet in workbook)


def test_quality_sheet_tells_verdicts_units_and_captures() -> None:
    sheet = opened()["Chất lượng số liệu"]
    told = texts(sheet)
    assert told[4].startswith(
        "Kiểm tra: 1 đạt, 1 cảnh báo, 1 không đạt. Cờ tạm tính của Cổng: 1. Đơn vị thiếu: 1;"
    )
    verdicts = [
        row[3] for row in sheet.iter_rows(values_only=True) if row[3] in ("Đạt", "Cảnh báo", "Không đạt")
    ]
    assert verdicts == ["Không đạt", "Cảnh báo", "Đạt", "Cảnh báo"], "what failed comes first"
    assert "Đơn vị mới: không có" in told
    assert any("0b8f7c52-6a88" in text for text in told)
    assert sum("SHA-256 " in text for text in told) == 3
    assert any(text.endswith("35.590 byte, SHA-256 0bc012345678") for text in told)


@pytest.mark.parametrize(("count", "shown", "sentence"), [(200, 200, None), (1213, 200, "Còn 1.013 giá trị")])
def test_restatements_stop_at_two_hundred_and_say_how_many_more(
    count: int, shown: int, sentence: str | None
) -> None:
    sheet = opened(restatements=restatement_rows(count))["Điều chỉnh số liệu"]
    assert sum(isinstance(row[0], int) for row in sheet.iter_rows(values_only=True)) == shown
    more = [text for text in texts(sheet) if text.startswith("Còn ")]
    assert [text[: len(sentence or "")] for text in more] == ([sentence] if sentence else [])


def test_a_capture_time_without_zone_is_refused() -> None:
    snapshot = dataclasses.replace(appendix_data().snapshot, captures=(), captured_at=datetime(2026, 9, 27))
    with pytest.raises(ValueError, match="no time zone"):
        render_appendix(appendix_data(snapshot=snapshot), NAMES)


def test_figures_of_a_local_sandbox_never_pass_for_the_portals() -> None:
    snapshot = appendix_data().snapshot
    captures = tuple(
        dataclasses.replace(item, address="http://127.0.0.1:8766/api") for item in snapshot.captures
    )
    assert captures
    for book, trial in (
        (opened(), False),
        (opened(snapshot=dataclasses.replace(snapshot, captures=captures)), True),
    ):
        for sheet in book:
            text = "\n".join(texts(sheet))
            assert ("CỔNG THỬ NGHIỆM" in text) is trial, sheet.title
            assert ("(SỐ LIỆU THỬ NGHIỆM" in text.upper()) is trial, sheet.title
            assert ("(dichvucong.gov.vn)" in text) is not trial, sheet.title
