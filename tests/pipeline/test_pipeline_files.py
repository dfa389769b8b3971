"""The way of a form, from the inbox to the warehouse and its receipt: every layout, every drift, hostile files."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import unescape
from pathlib import Path

import pytest
from hostile.hostile_files import CASES
from support.files import PHU_THO, Handled, Office, adds_up, month, written

from etl.errors import FileRefused, ValidationFailed
from etl.inbox.folder import ACCEPTED, REFUSED
from etl.sandbox.sample_form_layouts import Drift
from etl.sandbox.sample_form_lines import STRANGER
from etl.sandbox.sample_forms import PlantedForm, write_form
from etl.sources.digitization import FORM_SOURCE
from etl.warehouse.checksum import warehouse_checksum

AUGUST = month("2026-08")
# What iGate does not count.
IGATE_LACKS = ("components_reused", "reused_from_portal")


def form(
    folder: Path, drift: Drift | None = None, suffix: str = ".xlsx", layout: str = "so_hoa_10_cot"
) -> PlantedForm:
    return write_form(folder / f"bieu{suffix}", PHU_THO, AUGUST, layout=layout, drift=drift)


def is_answered(office: Office, handled: Handled, verdict: str) -> None:
    """The file left the inbox, stands beside its receipt, and the receipt speaks of these very bytes."""
    assert handled.answered.is_file()
    assert handled.answered.parent == office.inbox / verdict
    assert not [path for path in office.inbox.iterdir() if path.is_file()]
    assert handled.answered.name in {
        path.name.removesuffix(".receipt.json") for path in handled.answered.parent.glob("*.receipt.json")
    }
    assert handled.receipt["sha256"][:8] in handled.answered.name


# --- layouts ----------------------------------------------------------------------------------------

LAYOUTS = {
    "10 columns": ("so_hoa_10_cot", ".xlsx", None, "so_hoa_10_cot@1"),
    "14 columns": ("so_hoa_14_cot", ".xlsx", None, "so_hoa_14_cot@1"),
    "CSV": ("so_hoa_10_cot", ".csv", None, "so_hoa_10_cot@1"),
    "a sheet for each block": ("so_hoa_10_cot", ".xlsx", Drift.BLOCKS_ON_SHEETS, "so_hoa_10_cot@1"),
    "iGate JSON": ("igate_json", ".json", None, "igate_json@1"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_reaches_the_warehouse_to_the_digit(office: Office, tmp_path: Path, name: str) -> None:
    layout, suffix, drift, known_as = LAYOUTS[name]
    planted = form(tmp_path, drift, suffix, layout)
    handled = office.hand_in(planted.path)
    assert (handled.error, handled.state, handled.rule) == (None, "accepted", None)
    is_answered(office, handled, ACCEPTED)
    lacking = IGATE_LACKS if layout == "igate_json" else ()
    assert office.figures(AUGUST) == written(planted, but=lacking)
    assert len(planted.figures) == 127

    units, rows = len(planted.units), sum(planted.rows.values())
    assert handled.rows == (rows, units, 0, rows - units)
    assert adds_up(handled)
    receipt = handled.receipt
    assert receipt["layout"] == known_as
    assert receipt["is_sample"]
    assert (receipt["period_id"], receipt["window_kind"]) == ("2026-08", "administrative")
    assert (receipt["period_start"], receipt["period_end"]) == ("2026-07-15", "2026-08-14")
    assert receipt["refusals"] == []
    assert {block["block"]: (block["units"], block["complete"]) for block in receipt["blocks"]} == {
        block: (sum(unit.block == block for unit in planted.units), True) for block in planted.blocks
    }
    totals = {part["block"]: part["measures"] for part in receipt["figures"]}
    for block, measures in planted.totals.items():
        assert totals[block] == {key: None if key in lacking else value for key, value in measures.items()}

    snapshot = handled.snapshot
    assert snapshot is not None
    assert snapshot == {
        "snapshot_id": receipt["snapshot_id"],
        "province_code": "H44",
        "period_id": "2026-08",
        "calendar": "administrative",
        "new": True,
    }
    assert office.ask(
        "SELECT source, province_code, period_id, complete, is_current, rows_read, rows, rows_quarantined, rows_ignored "
        "FROM mart.snapshots WHERE snapshot_id = %s::uuid",
        snapshot["snapshot_id"],
    ) == [(FORM_SOURCE, "H44", "2026-08", True, True, rows, units, 0, rows - units)]
    assert office.runs(handled) == [
        ("validate", "done", rows, None, 0, None),
        ("publish", "done", rows, units, 0, rows - units),
    ]
    assert office.archive.get(receipt["sha256"]) == planted.path.read_bytes()


# --- drifts that are taken --------------------------------------------------------------------------


@dataclass(frozen=True)
class Taken:
    """``held``: rows in quarantine; ``rule``/``place``/``words``: what the receipt says of the first one;
    ``lost``: units that are not in the figures; ``note``: a sentence of the receipt; ``whole``: the communes are."""

    held: int = 0
    rule: str | None = None
    place: str | None = None
    words: str = ""
    lost: int = 0
    note: str | None = None
    warns: frozenset[str] = field(default_factory=frozenset)
    whole: bool = True


TAKEN = {
    Drift.MOVED_COLUMN: Taken(note="Thứ tự cột khác mẫu (cột C “Đã giải quyết”)"),
    Drift.MOVED_UNNUMBERED: Taken(note="Thứ tự cột khác mẫu (cột C “Đã giải quyết”)"),
    Drift.ADDED_COLUMN: Taken(note="Cột K “Hồ sơ nộp trực tuyến” không có trong mẫu"),
    Drift.UNIT_CODES: Taken(),
    Drift.EXTRA_FOOTER: Taken(),
    Drift.NUMBERS_IN_FOOTER: Taken(
        1, "figure_outside_table", "'Biểu 1'!A145", "Dòng 145 nằm ngoài phần số liệu của các đơn vị"
    ),
    Drift.HIDDEN_ROWS: Taken(note="2 dòng bị ẩn ở trang tính “Biểu 1” (dòng 13, 14) vẫn được đọc"),
    Drift.TEXT_NUMBERS: Taken(),
    Drift.DECOMPOSED_UNICODE: Taken(),
    Drift.FORMULA_TOTALS: Taken(),
    Drift.UNCACHED_TOTALS: Taken(
        3, "formula_without_value", "'Biểu 1'!C33", "Ô C33, cột “(3) Tiếp nhận”: là công thức chưa được tính"
    ),
    Drift.UNKNOWN_UNIT: Taken(
        1,
        "unit_unknown",
        "'Biểu 1'!A15",
        f"“{STRANGER}” không có trong khối sở, ban, ngành của tỉnh Phú Thọ",
        warns=frozenset({"unit_unknown"}),
    ),
    Drift.NEGATIVE: Taken(
        1,
        "negative",
        "'Biểu 1'!F79",
        "Ô F79, cột “(6) Có tái sử dụng TP”: ghi “-3” là số âm",
        lost=1,
        warns=frozenset({"every_unit_present"}),
    ),
    Drift.AMBIGUOUS_UNIT: Taken(
        2,
        "unit_ambiguous",
        "'Biểu 1'!A42",
        "có thể là 2 đơn vị",
        lost=2,
        warns=frozenset({"every_unit_present", "unit_ambiguous"}),
    ),
    Drift.DUPLICATE_UNIT: Taken(
        2,
        "unit_repeated",
        "'Biểu 1'!A79",
        "xuất hiện 2 lần trong tệp ('Biểu 1'!A79, 'Biểu 1'!A80)",
        lost=1,
        warns=frozenset({"every_unit_present", "unit_repeated"}),
    ),
    Drift.MISSING_UNITS: Taken(
        lost=27, warns=frozenset({"every_unit_present", "block_complete"}), whole=False
    ),
}


@pytest.mark.parametrize("drift", TAKEN, ids=str)
def test_a_drift_that_can_be_read_is_taken_and_told(office: Office, tmp_path: Path, drift: Drift) -> None:
    expected = TAKEN[drift]
    planted = form(tmp_path, drift)
    handled = office.hand_in(planted.path)
    assert (handled.error, handled.state) == (None, "accepted")
    is_answered(office, handled, ACCEPTED)
    rows = sum(planted.rows.values())
    held_units = expected.held if expected.lost or drift is Drift.UNKNOWN_UNIT else 0
    published = planted.rows["unit"] - held_units
    assert handled.rows == (rows, published, expected.held, rows - published - expected.held)
    assert adds_up(handled)

    good, figures = office.figures(AUGUST), written(planted)
    assert len(good) == published == len(figures) - expected.lost
    assert good == {code: figures[code] for code in good}
    assert handled.checks() == {(rule, "warn") for rule in expected.warns}
    complete = {block["block"]: block["complete"] for block in handled.receipt["blocks"]}
    assert complete == {"department": True, "commune": expected.whole}
    if expected.note:
        assert any(expected.note in note for note in handled.receipt["notes_vi"])

    refusals = handled.receipt["refusals"]
    assert len({(one["sheet"], one["row"]) for one in refusals}) == expected.held
    assert sorted((one["rule"], one["locator"]) for one in refusals) == sorted(
        (rule, locator) for rule, locator, *_ in office.quarantined(handled)
    )
    if expected.rule:
        first = refusals[0]
        assert (first["rule"], first["locator"]) == (expected.rule, expected.place)
        assert expected.words in first["message_vi"]
        assert (first["sheet"], first["row"]) == (
            "Biểu 1",
            int("".join(filter(str.isdigit, first["locator"][8:]))),
        )
        assert first["message_vi"] in unescape(handled.page)
    if not expected.whole:
        (commune,) = [block for block in handled.receipt["blocks"] if block["block"] == "commune"]
        assert (commune["units"], commune["expected_units"], len(commune["missing_units"])) == (80, 107, 27)


# --- what is refused whole ----------------------------------------------------------------------------

REFUSED_WHOLE = {
    Drift.RENAMED_HEADER: ("layout.unknown_header", "'Biểu 1'!H9", "tiêu đề cột “Hoàn thành trong kỳ” không có trong mẫu"),
    Drift.MOVED_RENUMBERED: ("layout.columns_disagree", "'Biểu 1'!C9", "mang số (3), theo mẫu là “Tiếp nhận”"),
    Drift.MISSING_COLUMN: ("layout.missing_column", "'Biểu 1'!A10", "(10) Số hóa kết quả giải quyết: Đã số hóa"),
    Drift.SWAPPED_9_10: ("layout.columns_disagree", "'Biểu 1'!I10", "cột I có tiêu đề của cột (10)"),
    Drift.FORM_06_VPCP: ("layout.foreign_form", "'Biểu 1'!H10", "Đây là biểu 06/VPCP"),
    Drift.NO_WINDOW: ("period.unknown", None, "Không tìm thấy kỳ số liệu trong tên biểu"),
    Drift.TWO_WINDOWS: ("period.ambiguous", None, "01/07/2026 - 28/07/2026; 15/07/2026 - 14/08/2026"),
    Drift.OTHER_PROVINCE: ("layout.other_province", None, "của tỉnh An Giang"),
    Drift.SECOND_WINDOW_SHEET: ("layout.two_forms", None, "trang tính “Kỳ trước”: 15/06/2026 - 14/07/2026"),
}  # fmt: skip


def test_every_drift_is_taken_or_refused() -> None:
    elsewhere = {Drift.WRONG_TOTAL, Drift.BLOCKS_ON_SHEETS}
    assert {*TAKEN, *REFUSED_WHOLE, *elsewhere} == set(Drift)


@pytest.fixture(scope="module")
def untouched(shared_office: Office) -> tuple[Office, str]:
    """An office into which nothing ever gets, and what its warehouse says."""
    return shared_office, warehouse_checksum(shared_office.warehouse)


def is_refused(untouched: tuple[Office, str], handled: Handled, rule: str) -> None:
    office, before = untouched
    assert (handled.state, handled.rule) == ("refused", rule)
    is_answered(office, handled, REFUSED)
    assert warehouse_checksum(office.warehouse) == before
    assert handled.receipt["snapshot_id"] is None
    reason = handled.receipt["refusal"]
    assert reason["message_vi"]
    assert reason["remedy_vi"]
    digest = handled.receipt["sha256"]
    assert not office.archive.object_path(digest).exists()
    assert office.ask("SELECT count(*) FROM ops.capture WHERE sha256 = %s", digest) == [(0,)]
    assert office.ask(
        "SELECT stage, state, error_class FROM ops.run WHERE source = 'inbox' ORDER BY started_at DESC, finished_at DESC LIMIT 1"
    ) == [("receive", "failed", "FileRefused")]


@pytest.mark.parametrize("drift", REFUSED_WHOLE, ids=str)
def test_a_drift_that_may_mean_something_else_is_refused_by_place(
    untouched: tuple[Office, str], tmp_path: Path, drift: Drift
) -> None:
    rule, locator, words = REFUSED_WHOLE[drift]
    handled = untouched[0].hand_in(form(tmp_path, drift).path)
    assert isinstance(handled.error, FileRefused)
    is_refused(untouched, handled, rule)
    assert handled.receipt["refusal"]["locator"] == locator
    assert words in handled.receipt["refusal"]["message_vi"]


def test_a_total_that_does_not_add_up_refuses_the_form_and_names_both_numbers(
    office: Office, tmp_path: Path
) -> None:
    planted = form(tmp_path, Drift.WRONG_TOTAL)
    handled = office.hand_in(planted.path)
    assert isinstance(handled.error, ValidationFailed)
    assert (handled.state, handled.rule) == ("refused", "checks.failed")
    is_answered(office, handled, REFUSED)
    assert office.figures(AUGUST) == {}
    rows, units = sum(planted.rows.values()), len(planted.units)
    assert handled.rows == (rows, 0, units, rows - units)
    total = planted.totals["department"]["received"]
    observed = handled.check("block_totals_agree")["observed"]
    for number in (total + 10, total):
        assert f"{number:,}".replace(",", ".") in observed
    assert "sở, ban, ngành" in observed
    # The verdict stays, the figures do not.
    assert office.ask(
        "SELECT v.rule, v.state FROM ops.validation_result v JOIN ops.run r USING (snapshot_id) "
        "WHERE v.state = 'failed' AND r.stage = 'validate' AND r.state = 'failed'"
    ) == [("block_totals_agree", "failed")]


# --- hostile files ------------------------------------------------------------------------------------

HOSTILE = {
    "zip_ratio: eight megabytes of blanks": "bom.xlsx",
    "zip_lying: a bomb that declares little": "bom2.xlsx",
    "extent: one cell at XFD20000": "o-xa.xlsx",
    "html_page: a table exported “to Excel”": "trang-web.xlsx",
    "macros: a project": "macro.xlsx",
    "encrypted: a workbook with a password": "mat-khau.xlsx",
    "wrong_extension: text named .xlsx": "chu.xlsx",
    "wrong_extension: an ending nobody takes": "a.exe",
    "external_link: another workbook": "lien-ket.xlsx",
    "entities: in the sheet": "thuc-the.xlsx",
    "dde: in a CSV": "dde.csv",
    "empty: no byte": "rong.csv",
    "damaged: cut": "hong.xlsx",
}
UGLY = "=cmd|'$(touch x)' \u202e;`..&%2e%2e.xlsx"


@pytest.fixture(scope="module")
def hostile_answers(
    untouched: tuple[Office, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Handled]:
    """Thirteen hostile files dropped at once, and what each was answered."""
    office, _ = untouched
    cases = {case.id: case for case in CASES}
    names = {}
    for known_as, name in HOSTILE.items():
        office.drop(cases[known_as].hostile(), name)
        names[name] = known_as
    return {names[handled.receipt["file_name"]]: handled for handled in office.take_in()}


@pytest.mark.parametrize("known_as", HOSTILE)
def test_a_hostile_file_is_refused_and_leaves_nothing(
    untouched: tuple[Office, str], hostile_answers: dict[str, Handled], known_as: str
) -> None:
    assert set(hostile_answers) == set(HOSTILE)
    handled = hostile_answers[known_as]
    is_refused(untouched, handled, f"guard.{known_as.partition(':')[0]}")
    assert handled.rows == (None, None, None, None)
    assert handled.answered.stat().st_size == handled.receipt["size_bytes"]


def test_a_good_form_among_hostile_ones_is_taken_whatever_it_is_called(
    office: Office, tmp_path: Path
) -> None:
    planted = form(tmp_path)
    office.drop(planted.path, UGLY)
    office.drop(b"PK\x03\x04", "a.xlsx")
    office.drop(b"<html>", "z.xlsx")
    states = {handled.receipt["size_bytes"]: handled for handled in office.take_in()}
    assert sorted(handled.state for handled in states.values()) == ["accepted", "refused", "refused"]
    good = states[planted.path.stat().st_size]
    assert good.state == "accepted"
    assert office.figures(AUGUST) == written(planted)
    is_answered(office, good, ACCEPTED)
    assert not set(good.answered.name) & set("=|'$;`&%\u202e")
