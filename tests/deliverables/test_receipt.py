"""Receipts: the same story in JSON, on the page and in the terminal; hostile words stay words."""

from __future__ import annotations

import dataclasses
import json
import re
import stat
import unicodedata
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from receipt_cases import HOSTILE, SHA256, hostile, partly, receipt, refused

from etl.errors import UnknownName
from etl.inbox.receipt import (
    Block,
    Figures,
    Receipt,
    Refusal,
    receipt_html,
    receipt_json,
    receipt_text,
    refusals_of,
    write_receipt,
)
from etl.inbox.receipt_words import REFUSALS_SHOWN, shown, tell
from etl.sources.tidy import REJECTED, table_of

TEMPLATE = (
    Path(__file__).parents[2].joinpath("etl", "inbox", "templates", "receipt.html.j2").read_text("utf-8")
)


class Page(HTMLParser):
    """Tags, attributes and visible text of a page."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self._inside_style = False
        self.feed(html.decode("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self._inside_style = tag == "style"

    def handle_data(self, data: str) -> None:
        if not self._inside_style and data.strip():
            self.words.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        return " ".join(self.words)


# ------------------------------------------------------------------ what is told


@pytest.mark.parametrize(
    ("given", "tone", "title"),
    [
        (receipt(), "good", "ĐÃ TIẾP NHẬN"),
        (partly(), "part", "ĐÃ TIẾP NHẬN MỘT PHẦN"),
        (
            receipt(blocks=(Block("commune", 147, 148, ("UBND xã Hy Cương",), True),)),
            "part",
            "ĐÃ TIẾP NHẬN, CÒN THIẾU ĐƠN VỊ",
        ),
        (refused(), "bad", "TRẢ LẠI, CHƯA TIẾP NHẬN"),
        (refused(refusal=None), "bad", "TRẢ LẠI, CHƯA TIẾP NHẬN"),
        (receipt(state="already_known"), "known", "ĐÃ NHẬN TRƯỚC ĐÂY"),
        (receipt(withheld=True), "part", "ĐÃ LƯU, CHƯA DÙNG"),
        (receipt(state="checked"), "good", "KIỂM TRA THỬ: TỆP HỢP LỆ"),
        (refused(state="checked"), "bad", "KIỂM TRA THỬ: TỆP SẼ BỊ TRẢ LẠI"),
        (
            dataclasses.replace(partly(), state="checked"),
            "part",
            "KIỂM TRA THỬ: CHỈ TIẾP NHẬN ĐƯỢC MỘT PHẦN",
        ),
    ],
)
def test_the_banner_says_what_became_of_the_file(given: Receipt, tone: str, title: str) -> None:
    told = tell(given)
    assert (told.tone, told.title) == (tone, title)
    page = Page(receipt_html(given))
    assert ("class", tone) in page.attributes
    assert title in page.words
    assert receipt_text(given).splitlines()[0].endswith(title)


def test_a_tried_file_is_never_said_to_be_loaded() -> None:
    for given in (receipt(state="checked"), dataclasses.replace(partly(), state="checked")):
        assert "chưa nạp số liệu nào" in receipt_text(given)
        assert "đưa vào kho" not in receipt_text(given)


def test_every_refused_cell_is_told_by_sheet_row_column_and_value() -> None:
    page, text = Page(receipt_html(partly())).words, " ".join(receipt_text(partly()).split())
    assert [page[page.index("12,5") + step] for step in (-3, -2, -1)] == [
        "Biểu 1", "27", "C: Hồ sơ tiếp nhận",
    ]  # fmt: skip
    assert "Biểu 1, dòng 27, C: Hồ sơ tiếp nhận: «12,5». “Tiếp nhận” phải là số nguyên" in text
    assert "Biểu 1, dòng 102, J: Đã số hóa kết quả giải quyết: Ô “Đã số hóa” (kết quả" in text


def test_a_column_is_named_as_its_file_knows_it() -> None:
    cell = Refusal("date_unreadable", "m", None, 3, "received", None, "32/01/2026", "row 3")
    assert tell(receipt(refusals=(cell,))).refusals[0][2] == "Hồ sơ tiếp nhận"
    assert tell(receipt(refusals=(cell,), layout="dossier_list@1")).refusals[0][2] == "Ngày tiếp nhận"
    other = dataclasses.replace(cell, column="Cột lạ", letter="K")
    assert tell(receipt(refusals=(other,))).refusals[0][2] == "K: Cột lạ"


def test_refusals_stand_in_the_order_of_the_file() -> None:
    places = (("B", 3, "fail"), ("A", 9, "fail"), ("A", 2, "warn"), ("A", 4, "fail"))
    given = tuple(Refusal("r", "m", sheet, row, severity=severity) for sheet, row, severity in places)
    told = tell(receipt(refusals=given)).refusals
    assert [(one[0], one[1]) for one in told] == [("A", "4"), ("A", "9"), ("B", "3"), ("A", "2")]


def test_a_warning_is_told_and_takes_nothing_out() -> None:
    warned = Refusal("due_missing", "Không có ngày hẹn trả.", None, 9, "due", severity="warn")
    told = tell(receipt(refusals=(warned,)))
    assert (told.tone, told.title) == ("good", "ĐÃ TIẾP NHẬN")
    assert told.refusals[0][4] == "Vẫn nhận, cần xem lại: Không có ngày hẹn trả."
    both = tell(receipt(refusals=(warned, dataclasses.replace(warned, severity="fail"))))
    assert (both.tone, both.summary[:6]) == ("part", "1 dòng")


def test_rows_read_are_accounted_for() -> None:
    assert tell(partly()).rows == (
        "Đã đọc 176 dòng = 164 dòng hợp lệ + 4 dòng bị giữ lại + 8 dòng không tính "
        "(dòng đánh số cột: 1, tiêu đề khối: 2, dòng tổng: 3, phần cuối biểu: 2)."
    )
    assert tell(refused()).rows is None


def test_missing_figures_are_blank_and_zero_is_zero() -> None:
    told = tell(
        receipt(
            figures=(
                Figures("department", {"received": 0, "resolved": None, "components_reused": None}),
                Figures("commune", {"received": None, "resolved": 7}),
            )
        )
    )
    assert told.figures == (("Hồ sơ tiếp nhận", ("0", "")), ("Hồ sơ đã giải quyết", ("", "7")))


def test_missing_units_are_named_up_to_thirty() -> None:
    names = tuple(f"UBND xã {number}" for number in range(1, 42))
    told = tell(receipt(blocks=(Block("commune", 107, 148, names, False),))).blocks[0]
    assert told[1] == "107/148 đơn vị"
    assert told[2].startswith("UBND xã 1; UBND xã 2; ")
    assert told[2].endswith("UBND xã 30; và 11 đơn vị khác")
    assert told[3] is False


def test_what_to_do_is_what_the_maker_says_after_the_remedy() -> None:
    assert tell(receipt()).steps == ("Không phải làm gì thêm.",)
    assert tell(receipt(what_to_do_vi=("Gọi văn phòng.",))).steps == ("Gọi văn phòng.",)
    remedy = refused().refusal.remedy_vi  # type: ignore[union-attr]
    assert tell(refused()).steps[0] == remedy
    assert tell(refused(what_to_do_vi=("Gọi văn phòng.",))).steps == (remedy, "Gọi văn phòng.")
    assert tell(refused(what_to_do_vi=("Gọi văn phòng.", remedy))).steps == ("Gọi văn phòng.", remedy)
    assert any("Bổ sung số liệu" in step for step in tell(partly()).steps)


def test_the_reason_says_where() -> None:
    assert tell(refused()).reason.endswith("Vị trí: trang tính “Biểu 06”, ô I7.")  # type: ignore[union-attr]


def test_sample_data_are_marked() -> None:
    for given in (receipt(is_sample=True), refused(is_sample=True)):
        assert "SỐ LIỆU MẪU" in Page(receipt_html(given)).text
        assert "SỐ LIỆU MẪU" in receipt_text(given)
    assert "SỐ LIỆU MẪU" not in Page(receipt_html(receipt())).text + receipt_text(receipt())


def test_a_page_lists_two_hundred_refusals_and_says_how_many_more() -> None:
    many = partly(REFUSALS_SHOWN + 61)
    page = receipt_html(many).decode()
    assert page.count('data-label="Vì sao"') == 200
    assert "và 61 giá trị nữa" in page
    assert "và 61 giá trị nữa" in receipt_text(many)
    assert len(json.loads(receipt_json(many))["refusals"]) == 261
    assert "giá trị nữa" not in receipt_html(partly(REFUSALS_SHOWN)).decode()


def test_a_time_without_a_zone_and_a_false_period_are_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        receipt_html(receipt(received_at=datetime(2026, 9, 16, 9, 0)))
    with pytest.raises(UnknownName):
        receipt_html(receipt(period_id="2026-13"))


# ------------------------------------------------------------------ JSON


def test_json_has_every_key_for_every_state() -> None:
    names = ["schema", *(field.name for field in dataclasses.fields(Receipt))]
    for given in (receipt(), partly(), refused()):
        body = json.loads(receipt_json(given))
        assert list(body) == names
        assert body["schema"] == "bochiso.receipt/1"
    body = json.loads(receipt_json(partly()))
    assert body["received_at"] == "2026-09-16T02:14:39+00:00"
    assert body["period_start"] == "2026-08-15"
    assert body["refusals"][0] == {
        "rule": "not_a_whole_number",
        "message_vi": "“Tiếp nhận” phải là số nguyên không âm; ô này ghi 12,5. Sửa thành số hồ sơ.",
        "sheet": "Biểu 1", "row": 27, "column": "received", "letter": "C", "value": "12,5",
        "locator": "'Biểu 1'!C27", "severity": "fail",
    }  # fmt: skip
    assert body["blocks"][1]["missing_units"][0] == "UBND xã Hy Cương"
    assert json.loads(receipt_json(refused()))["refusal"]["rule"] == "layout.foreign_form"
    assert json.loads(receipt_json(refused()))["rows_read"] is None


def test_the_same_receipt_gives_the_same_bytes() -> None:
    for make in (receipt_json, receipt_html, receipt_text):
        assert make(partly()) == make(partly())
        assert make(partly()) != make(receipt())


# ------------------------------------------------------------------ refused rows of a reading


def test_refused_rows_become_refusals() -> None:
    locators = [
        "'Biểu 1'!C12",
        "'O''Neil'!A7",
        "Sheet1!AB3",
        "row 4051",
        "$.data[3]",
        "'!'!'!A1",
        None,
    ]
    rejected = table_of(
        [
            {
                "locator": locator,
                "column_name": "received",
                "value": "x",
                "rule": "r",
                "message_vi": "m",
                "severity": "warn" if locator is None else "fail",
            }
            for locator in locators
        ],
        REJECTED,
    )
    found = refusals_of(rejected)
    assert [(one.sheet, one.row, one.letter) for one in found] == [
        ("Biểu 1", 12, "C"),
        ("O'Neil", 7, None),
        ("Sheet1", 3, "AB"),
        (None, 4051, None),
        (None, None, None),
        (None, None, None),
        (None, None, None),
    ]
    assert [one.locator for one in found] == locators
    assert [one.severity for one in found] == ["fail"] * 6 + ["warn"]
    assert {(one.column, one.value, one.rule, one.message_vi) for one in found} == {
        ("received", "x", "r", "m")
    }
    assert tell(receipt(refusals=found[4:5])).refusals[0][1] == "$.data[3]"


# ------------------------------------------------------------------ hostile words


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:12]))
def test_hostile_words_stay_words(text: str) -> None:
    given = hostile(text)
    plain = Page(receipt_html(receipt()))
    page = Page(receipt_html(given))
    assert len(page.words) > 20
    assert set(page.tags) <= set(plain.tags) | {"section", "code", "ol", "li", "p", "span", "col", "colgroup"}
    assert {"script", "img", "iframe", "link", "a", "svg", "object", "form"}.isdisjoint(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "href")]
    outputs = [receipt_html(given).decode(), receipt_json(given).decode(), receipt_text(given)]
    for output in outputs:
        seen = {unicodedata.category(character) for character in output.replace("\n", " ")}
        assert seen.isdisjoint({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
        assert re.search("x{701}", output) is None
        assert len(output) < 60_000
    assert "49" not in page.words, "a template inside a value is never evaluated"


def test_what_is_hidden_is_spelt_out() -> None:
    assert shown("gnp.\u202excod") == "gnp.[U+202E]xcod"
    assert shown("a\u200bb\x1b[31m\x00") == "a[U+200B]b[U+001B][31m[U+0000]"
    assert shown("e" + "\u0301" * 6) == "é[U+0301 ×5]"
    assert shown("Hòa\r\n  Bình\u2028x") == "Hòa Bình x"
    assert shown("Phu\u0301 Tho\u0323") == "Phú Thọ", "decomposed letters are composed"
    assert shown("x" * 90, 80) == "x" * 80 + "… (còn 10 ký tự)"


def test_a_value_is_cut_at_eighty_characters_everywhere() -> None:
    given = receipt(refusals=(Refusal("r", "m", "Biểu 1", 3, "received", "C", "7" * 10_240),))
    assert json.loads(receipt_json(given))["refusals"][0]["value"] == "7" * 80 + "… (còn 10.160 ký tự)"
    for output in (receipt_html(given).decode(), receipt_text(given)):
        assert "7" * 60 in output
        assert "7" * 81 not in output


# ------------------------------------------------------------------ the page


def test_the_page_needs_nothing_else_and_runs_nothing() -> None:
    html = receipt_html(partly()).decode()
    page = Page(html.encode())
    assert html.startswith('<!DOCTYPE html>\n<html lang="vi">')
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes
    assert ("charset", "utf-8") in page.attributes
    assert "script" not in page.tags
    assert "url(" not in html
    assert "http://" not in html
    assert "https://" not in html
    assert "@import" not in html
    assert len(html) < 20_000


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_colours_have_the_contrast_that_wcag_aa_asks_for() -> None:
    root = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", TEMPLATE.split(":root {")[1].split("}")[0]))
    tones = re.findall(
        r"^\.(\w+) \{ --tone: (#[0-9a-f]{6}); --wash: (#[0-9a-f]{6}); \}", TEMPLATE, re.MULTILINE
    )
    assert [name for name, _, _ in tones] == ["good", "part", "bad", "known"]
    for _, tone, wash in tones:
        assert _contrast("#ffffff", tone) >= 4.5
        assert _contrast(tone, wash) >= 4.5
        assert _contrast(root["ink"], wash) >= 4.5
        assert _contrast(root["soft"], wash) >= 4.5
    for text in ("ink", "soft"):
        assert min(_contrast(root[text], root[ground]) for ground in ("paper", "shade")) >= 4.5
    words = re.findall(r"[ {;]color: (#[0-9a-f]{6})", TEMPLATE)
    assert len(words) >= 5
    assert all(_contrast(colour, root["paper"]) >= 4.5 for colour in words if colour != "#ffffff")


# ------------------------------------------------------------------ beside the file


def test_receipts_stand_beside_the_file(tmp_path: Path) -> None:
    page, data = write_receipt(receipt(), tmp_path / "Biểu số hóa.xlsx")
    assert page.name == "Biểu số hóa.xlsx.receipt.html"
    assert data.name == "Biểu số hóa.xlsx.receipt.json"
    assert page.read_bytes() == receipt_html(receipt())
    assert data.read_bytes() == receipt_json(receipt())
    assert stat.S_IMODE(page.stat().st_mode) == 0o644
    write_receipt(refused(), tmp_path / "Biểu số hóa.xlsx")
    assert data.read_bytes() == receipt_json(refused())
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([page.name, data.name])


def test_a_name_too_long_to_lengthen_is_cut(tmp_path: Path) -> None:
    longest = "số" * 62 + ".xlsx"
    assert 240 < len(longest.encode()) <= 255
    page, data = write_receipt(receipt(), tmp_path / longest)
    assert page.name.endswith(f"~{SHA256[:12]}.receipt.html")
    assert page.exists()
    assert data.exists()
    assert len(page.name.encode()) <= 255


def test_a_link_laid_beforehand_leads_nowhere(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine", encoding="utf-8")
    (tmp_path / "a.xlsx.receipt.html").symlink_to(victim)
    page, _ = write_receipt(receipt(), tmp_path / "a.xlsx")
    assert victim.read_text(encoding="utf-8") == "mine"
    assert not page.is_symlink()


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx.receipt.html").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_receipt(receipt(), tmp_path / "a.xlsx")
    assert [path.name for path in tmp_path.iterdir()] == ["a.xlsx.receipt.html"]
