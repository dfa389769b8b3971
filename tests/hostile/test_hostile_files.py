"""Files nobody should hand in: each is refused with a reason, its harmless twin passes, readers are kept apart."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import hostile_files
import pytest
from hostile_files import CASES, FAR, NEAR, TEXT, Case, book, cell, packed, parts, sheet, workbook_xml
from hypothesis import given, settings
from hypothesis import strategies as st
from misbehaving_reader import SECRET
from openpyxl import Workbook

from etl.errors import FileRefused, ValidationFailed
from etl.inbox import apart, guard
from etl.inbox.apart import run_apart
from etl.inbox.guard import Limits, inspect_file
from etl.inbox.inspected import Inspected
from etl.inbox.refusals import SENTENCES, megabytes, refusal, shown
from etl.inbox.sheet_scan import FastScan, Irregular, slow_scan
from etl.inbox.sheet_tally import Tally, column_letters, column_number

# Rules that no content alone provokes; each has a test of its own below.
NOT_BY_CONTENT = {"guard.not_a_file", "guard.changing", "guard.memory", "guard.time", "guard.crash"}


def dropped(folder: Path, name: str, body: bytes) -> Path:
    path = folder / name
    path.write_bytes(body)
    return path


def told_well(error: FileRefused) -> None:
    """Two sentences in either language, whole, filled in, and short enough for a receipt."""
    assert error.rule in SENTENCES
    for sentence in (error.message, error.remedy, error.message_vi, error.remedy_vi):
        assert 10 < len(sentence) < 400, sentence
        assert "{" not in sentence
        sentence.encode("utf-8")
        assert sentence.isprintable()
    assert error.message_vi.endswith(".")
    assert error.remedy_vi.endswith(".")
    assert any(letter in error.message_vi for letter in "ăâđêôơưạảấầậắặẹếềệỉịọốồộớờợụứừựáàóòéèíìúùýỳ")


# --- every refusal, and the twin beside it ------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_a_hostile_file_is_refused_and_its_twin_passes(case: Case, tmp_path: Path) -> None:
    limits = replace(Limits(), **case.limits)
    hostile, twin = case.hostile(), case.twin()
    assert hostile != twin or case.name != case.twin_name
    with pytest.raises(FileRefused) as caught:
        inspect_file(dropped(tmp_path, case.name, hostile), limits)
    assert caught.value.rule == case.rule, caught.value
    told_well(caught.value)
    inspected = inspect_file(dropped(tmp_path, case.twin_name, twin), limits)
    assert inspected.sha256 == hashlib.sha256(twin).hexdigest()
    assert inspected.size_bytes == len(twin)


def test_every_rule_of_the_guard_has_a_hostile_file() -> None:
    provoked = {case.rule for case in CASES}
    assert len(CASES) > 100
    assert provoked.isdisjoint(NOT_BY_CONTENT)
    assert provoked | NOT_BY_CONTENT == set(SENTENCES)


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_only_a_regular_file_is_opened(kind: str, tmp_path: Path) -> None:
    path, real = tmp_path / "bieu.csv", dropped(tmp_path, "real.csv", TEXT.encode())
    {"link": lambda: path.symlink_to(real), "folder": path.mkdir, "pipe": lambda: os.mkfifo(path)}[kind]()
    with pytest.raises(FileRefused) as caught:
        inspect_file(path, Limits())
    assert caught.value.rule == "guard.not_a_file"
    told_well(caught.value)


def test_a_file_that_grows_under_the_guard_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, look = dropped(tmp_path, "bieu.csv", TEXT.encode()), guard._inspect

    def slow_copy(*arguments: Any) -> Inspected:
        found = look(*arguments)
        with path.open("ab") as handle:
            handle.write(b"3,x,1\n")
        return found

    monkeypatch.setattr(guard, "_inspect", slow_copy)
    with pytest.raises(FileRefused) as caught:
        inspect_file(path, Limits())
    assert caught.value.rule == "guard.changing"
    told_well(caught.value)


def test_a_file_beyond_the_default_size_is_refused_without_being_read(tmp_path: Path) -> None:
    path = dropped(tmp_path, "bieu.csv", b"")
    os.truncate(path, Limits().max_file_bytes + 1)  # without a byte on disk
    begun = time.monotonic()
    with pytest.raises(FileRefused, match="4,096 MB") as caught:
        inspect_file(path, Limits())
    assert caught.value.rule == "guard.too_big"
    assert "4.096 MB" in caught.value.message_vi
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize("name", ["bieu.xlsx", "BIEU.XLSX", "a.b.xlsx", "khong-co-duoi"])
def test_names_in_capitals_or_without_an_ending_are_no_disagreement(name: str, tmp_path: Path) -> None:
    assert inspect_file(dropped(tmp_path, "noi-dung", book()), Limits(), name=name).kind == "xlsx"


def test_the_refusal_of_a_false_ending_says_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileRefused) as caught:
        inspect_file(dropped(tmp_path, "x", book()), Limits(), name="bieu.csv")
    assert ".csv" in caught.value.message_vi
    assert "bảng tính Excel" in caught.value.message_vi
    assert ".xlsx" in caught.value.remedy_vi


def test_numbers_in_sentences_follow_the_language() -> None:
    error = refusal("guard.zip_unpacked", unpacked=megabytes(1_300 * 2**20 + 2**19), limit=1_234_567)
    assert "1,300.5 MB; at most 1,234,567 MB" in error.message
    assert "1.300,5 MB, vượt mức tối đa 1.234.567 MB" in error.message_vi
    assert shown("a\n\u202eb" + "x" * 100) == "a??b" + "x" * 56 + "…"


def test_an_extent_is_told_with_its_cell(tmp_path: Path) -> None:
    with pytest.raises(FileRefused) as caught:
        inspect_file(dropped(tmp_path, "a.xlsx", book(sheet=sheet(NEAR + FAR))), Limits())
    assert "Biểu 1" in caught.value.message_vi
    assert "XFD20000" in caught.value.message_vi
    assert "20.000 dòng × 16.384 cột" in caught.value.message_vi


def test_undecodable_text_is_told_with_byte_and_line(tmp_path: Path) -> None:
    with pytest.raises(FileRefused) as caught:
        inspect_file(dropped(tmp_path, "a.csv", b"a,b\n" * 300_000 + b"x\xff\n"), Limits())
    assert "1.200.002" in caught.value.message_vi
    assert "dòng 300.001" in caught.value.message_vi


def test_a_command_in_a_csv_is_told_with_its_line(tmp_path: Path) -> None:
    body = (TEXT.rstrip("\n") + "\n") * 30_000 + "9,=cmd|'/c calc'!A0,1\n"
    with pytest.raises(FileRefused) as caught:
        inspect_file(dropped(tmp_path, "a.csv", body.encode()), Limits())
    assert caught.value.locator == "line 90001"


def mutated(body: bytes, chance: random.Random) -> bytes:
    """A few bytes turned, taken out, put in or doubled."""
    changed = bytearray(body)
    for _ in range(chance.randrange(1, 6)):
        at, other = chance.randrange(len(changed) + 1), chance.randrange(len(changed) + 1)
        kind = chance.randrange(5)
        if kind == 0:
            changed[at : at + 1] = chance.randbytes(1)
        elif kind == 1:
            changed[at : at + chance.randrange(20)] = b""
        elif kind == 2:
            changed[at:at] = chance.randbytes(8)
        elif kind == 3:
            changed[at : at + 4] = chance.choice(
                [b"\xff\xff\xff\xff", bytes(4), b"PK\x05\x06", b"<!--", b"<c r"]
            )
        else:
            changed[at:at] = changed[other : other + chance.randrange(60)]
    return bytes(changed)


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_a_file_spoilt_at_random_passes_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    chance = random.Random(seed)
    whole = [case.twin() for case in chance.sample(CASES, 3)]
    body = mutated(
        chance.choice([packed(parts(), stored=True), *(body for body in whole if len(body) < 20_000)]), chance
    )
    path = tmp_path_factory.getbasetemp() / "spoilt"
    path.write_bytes(body)
    try:
        inspected = inspect_file(path, Limits())
    except FileRefused as error:
        told_well(error)
    else:
        assert inspected.size_bytes == len(body)


# --- what it tells of files that pass ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8-sig"),
        (TEXT.encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "utf-16"),
    ],
)
def test_text_passes_with_its_encoding(body: bytes, encoding: str, tmp_path: Path) -> None:
    inspected = inspect_file(dropped(tmp_path, "bieu.csv", body), Limits())
    assert (inspected.kind, inspected.encoding, inspected.sheets) == ("csv", encoding, ())
    assert body.decode(inspected.encoding).startswith("STT,")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("letter", ["é", "ộ", "𠀋"])
@pytest.mark.parametrize("shift", range(5))
def test_letters_across_the_pieces_it_reads_are_whole(
    encoding: str, letter: str, shift: int, tmp_path: Path
) -> None:
    line = "a,b\n" * 16
    text = "x" * shift + (line + letter) * ((1 << 20) // len((line + letter).encode()) + 2)
    body = text.encode(encoding)
    assert len(body) > 1 << 20
    assert inspect_file(dropped(tmp_path, "a.csv", body), Limits()).encoding == encoding
    with pytest.raises(FileRefused) as caught:
        inspect_file(dropped(tmp_path, "a.csv", body[: (1 << 20) + shift] + b"\xff\xdf"), Limits())
    assert caught.value.rule == "guard.encoding"


def form() -> Workbook:
    made = Workbook()
    first = made.active
    first.title = "Biểu & 1"
    first["A1"], first["A3"], first["J9"], first["K20"] = "BIỂU", "STT", 5, "=SUM(J1:J9)"
    first.merge_cells("A1:J1")
    first.merge_cells("B3:AZ3")
    first.merge_cells("Z8:AZ8")
    first.row_dimensions[5].hidden = True
    first.row_dimensions[900].hidden = True
    first.column_dimensions["C"].hidden = True
    first.column_dimensions.group("L", "XFD", hidden=True)
    made.create_sheet("Ẩn").sheet_state = "hidden"
    made.create_sheet("Rất ẩn").sheet_state = "veryHidden"
    return made


def test_a_workbook_passes_with_its_facts(tmp_path: Path) -> None:
    form().save(tmp_path / "bieu.xlsx")
    inspected = inspect_file(tmp_path / "bieu.xlsx", Limits())
    first, *others = inspected.sheets
    assert (first.name, first.visible, first.rows, first.columns) == ("Biểu & 1", True, 20, 11)
    assert first.merged == ("A1:J1", "B3:K3")
    assert (first.hidden_rows, first.hidden_columns) == ((5,), (3,))
    assert (first.formulas, first.formulas_without_value) == (1, ("K20",))
    assert inspected.recalculates
    assert [(other.name, other.visible, other.rows) for other in others] == [
        ("Ẩn", False, 0),
        ("Rất ẩn", False, 0),
    ]
    assert Inspected.from_plain(json.loads(json.dumps(inspected.to_plain()))) == inspected


def test_merged_ranges_and_hidden_columns_are_cut_to_the_cells_there_are(tmp_path: Path) -> None:
    before = '<cols><col min="2" max="2" hidden="1"/><col min="4" max="16384" width="0"/></cols>'
    merges = "".join(f'<mergeCell ref="{ref}"/>' for ref in ("A1:XFD1", "A2:A1048576", "D1:F1", "C3:D9"))
    cells = f'<row r="1" hidden="true">{cell("A1")}</row><row r="3" ht="0">{cell("C3")}</row><row r="9" hidden="1"/>'
    body = book(sheet=sheet(cells, before, f"<mergeCells>{merges}</mergeCells>"))
    (facts,) = inspect_file(dropped(tmp_path, "a.xlsx", body), Limits()).sheets
    assert facts.merged == ("A1:C1", "A2:A3")
    assert (facts.hidden_rows, facts.hidden_columns) == ((1, 3), (2,))


@pytest.mark.parametrize(
    ("formula", "without"),
    [
        ("<f>A2</f><v>5</v>", ()),
        ("<f>A2</f>", ("A1",)),
        ("<f>A2</f><v></v>", ("A1",)),
        ("<f>A2</f><v/>", ("A1",)),
        ('<f t="shared" si="0"/><v>0</v>', ()),
        ('<f t="shared" ref="A1:A9" si="0">A2</f><v> </v>', ()),
    ],
)
@pytest.mark.parametrize("prefix", ["", "<!-- the slow scan -->"])
def test_formulas_without_a_value_are_named(
    formula: str, without: tuple[str, ...], prefix: str, tmp_path: Path
) -> None:
    body = book(sheet=sheet(f'{prefix}<row r="1"><c r="A1">{formula}</c>{cell("B1")}</row>'))
    (facts,) = inspect_file(dropped(tmp_path, "a.xlsx", body), Limits()).sheets
    assert (facts.formulas, facts.formulas_without_value) == (1, without)


@pytest.mark.parametrize("value", ["<v></v>", "<v/>"])
@pytest.mark.parametrize("prefix", ["", "<!-- the slow scan -->"])
def test_an_empty_text_is_a_formulas_value(value: str, prefix: str, tmp_path: Path) -> None:
    body = book(sheet=sheet(f'{prefix}<row r="1"><c r="A1" t="str"><f>B1</f>{value}</c></row>'))
    (facts,) = inspect_file(dropped(tmp_path, "a.xlsx", body), Limits()).sheets
    assert (facts.formulas, facts.formulas_without_value) == (1, ())


def test_at_most_a_hundred_formulas_are_named(tmp_path: Path) -> None:
    rows = "".join(f'<row r="{n}"><c r="A{n}"><f>B{n}</f></c></row>' for n in range(1, 151))
    (facts,) = inspect_file(dropped(tmp_path, "a.xlsx", book(sheet=sheet(rows))), Limits()).sheets
    assert (facts.formulas, len(facts.formulas_without_value)) == (150, 100)


def test_sheets_come_in_the_workbooks_order(tmp_path: Path) -> None:
    relations = hostile_files.relations(
        ("worksheet", "worksheets/sheet1.xml", False), ("worksheet", "/xl/worksheets/sheet2.xml", False),
        ("chartsheet", "chartsheets/sheet1.xml", False),
    )  # fmt: skip
    sheets = "".join(
        f'<sheet name="{name}" sheetId="{n}" r:id="rId{n}"/>' for name, n in (("C", 3), ("B", 2), ("A", 1))
    )
    extra = {
        "xl/worksheets/sheet2.xml": sheet(f'<row r="7">{cell("C7")}</row>'),
        "xl/chartsheets/sheet1.xml": b'<chartsheet xmlns="x"/>',
    }
    body = book(extra, workbook=workbook_xml(sheets), relations=relations)
    inspected = inspect_file(dropped(tmp_path, "a.xlsx", body), Limits())
    assert [(facts.name, facts.rows) for facts in inspected.sheets] == [("C", 0), ("B", 7), ("A", 1)]
    assert not inspected.recalculates


# --- both scans see the same ---------------------------------------------------------------------------


def facts_of(body: bytes, pieces: int, fast: bool) -> Any:
    tally = Tally("A", Limits())
    chunks: Iterator[bytes] = (body[at : at + pieces] for at in range(0, len(body), pieces))
    if fast:
        scan = FastScan(tally)
        for chunk in chunks:
            scan.feed(chunk)
        scan.done()
    else:
        slow_scan("sheet1.xml", chunks, tally)
    return tally.facts(True)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), pieces=st.sampled_from([1, 7, 100, 4_096, 1 << 20]))
def test_the_fast_scan_sees_what_the_slow_one_sees(seed: int, pieces: int) -> None:
    chance = random.Random(seed)
    made = Workbook()
    page = made.active
    for _ in range(chance.randrange(60)):
        address = f"{column_letters(chance.randrange(1, 1_000))}{chance.randrange(1, 9_000)}"
        page[address] = chance.choice(["Sở <Nội> vụ", 12, -1.5, '=A1&"|!"', None, True, "a:c d", ":row "])
    for row in chance.sample(range(1, 9_000), 5):
        page.row_dimensions[row].hidden = chance.random() < 0.5
        page.row_dimensions[row].height = chance.choice([None, 0, 15])
    page.merge_cells(start_row=1, start_column=1, end_row=chance.randrange(1, 50), end_column=5)
    stream = io.BytesIO()
    made.save(stream)
    body = zipfile.ZipFile(stream).read(hostile_files.SHEET)
    assert facts_of(body, pieces, fast=True) == facts_of(body, max(pieces, 50), fast=False)


@pytest.mark.parametrize(
    "body",
    [
        sheet(f"<!-- a -->{NEAR}"),
        sheet(f"<?a?>{NEAR}"),
        sheet('<row r="1"><c><v>1</v></c></row>'),
        sheet("<row r='1'><c r='A1'><v>1</v></c></row>"),
        sheet('<row r="1"><c s="1" r="A1"><v>1</v></c></row>'),
        sheet('<row r="1"><c\nr="A1"><v>1</v></c></row>'),
        sheet(FAR.replace("r=", "x:r=")),
        sheet('<x:row r="1"><x:c r="A1"><x:v>1</x:v></x:c></x:row>'),
        sheet('<row r="1"><c r="A123456789"/></row>'),
        sheet('<row r="1"><c r="AAAA1"/></row>'),
        sheet('<row r="1"><c r="1A"/></row>'),
        sheet(NEAR) + b"<!-- a -->",
        sheet(after="<sheetData><row/></sheetData>"),
    ],
)
def test_what_the_fast_scan_cannot_be_sure_of_it_leaves(body: bytes) -> None:
    with pytest.raises(Irregular):
        facts_of(body, 1 << 20, fast=True)


def test_columns_have_letters() -> None:
    assert [column_letters(n) for n in (1, 26, 27, 702, 703, 16_384)] == ["A", "Z", "AA", "ZZ", "AAA", "XFD"]
    assert all(column_number(column_letters(n)) == n for n in range(1, 16_385))


@pytest.mark.slow
def test_a_real_list_of_300_000_rows_passes(tmp_path: Path) -> None:
    row = "".join(
        f'<c r="{column_letters(n)}{{0}}" t="inlineStr"><is><t>H44.100-2608{{0:06d}}{n}</t></is></c>'
        for n in range(1, 16)
    )
    cells = "".join(f'<row r="{n}">{row.format(n)}</row>' for n in range(1, 300_001))
    path = dropped(tmp_path, "danh-sach.xlsx", book(sheet=sheet(cells)))
    (facts,) = inspect_file(path, Limits()).sheets
    assert (facts.rows, facts.columns, facts.formulas) == (300_000, 15, 0)


# --- the child process ---------------------------------------------------------------------------------

SMALL = replace(Limits(), memory_bytes=600 << 20, seconds=30.0)


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run a function of misbehaving_reader apart, as if it were one of ours."""
    monkeypatch.setattr(apart, "_ROOMS", ("misbehaving_reader:",))
    paths = apart._import_path()
    monkeypatch.setattr(apart, "_import_path", lambda: [*paths, str(Path(__file__).parent)])
    return lambda name, argument=None, limits=SMALL: run_apart(
        f"misbehaving_reader:{name}", argument or {}, limits
    )


def refused(reader: Callable[..., Any], *arguments: Any) -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        reader(*arguments)
    return caught.value


@pytest.mark.parametrize(
    "name",
    [
        "os:system",
        "etl.settings:Settings",
        "etl.inboxes.a:b",
        "etl.inbox.apart",
        "etl.inbox.apart:_main.x",
        "etl.inbox.:a b",
        "",
    ],
)
def test_only_readers_of_ours_may_be_named(name: str) -> None:
    with pytest.raises(ValueError, match="no reader"):
        run_apart(name, {}, SMALL)


def test_the_guard_itself_may_run_apart(tmp_path: Path) -> None:
    path = dropped(tmp_path, "bieu.xlsx", book())
    argument = {"path": str(path), "limits": asdict(SMALL), "name": None}
    plain = run_apart("etl.inbox.guard:inspect_apart", argument, SMALL)
    assert Inspected.from_plain(plain) == inspect_file(path, SMALL)
    with pytest.raises(FileRefused) as caught:
        run_apart("etl.inbox.guard:inspect_apart", {**argument, "name": "a.csv"}, SMALL)
    assert caught.value.rule == "guard.wrong_extension"


def test_what_goes_in_and_out_is_json_and_chatter_is_not_in_it(reader: Callable[..., Any]) -> None:
    argument = {"a": ["Sở Nội vụ", None, 1.5, {"b": True}], "long": "ộ" * 3_000_000}
    assert reader("echo", argument) == argument


def test_the_parents_environment_is_not_seen(
    reader: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOCHISO_WAREHOUSE_URL", "postgresql://secret@host/db")
    seen = reader("environment")
    assert set(seen) >= {"PYTHONPATH", "LC_ALL"}
    assert not any(name.startswith("BOCHISO") for name in seen)
    assert "secret" not in json.dumps(seen)


def test_a_refusal_arrives_with_all_its_fields(reader: Callable[..., Any]) -> None:
    error = refused(reader, "refuse")
    assert type(error) is FileRefused
    assert (error.message, error.remedy, error.rule) == ("a", "b", "layout.x")
    assert (error.message_vi, error.remedy_vi, error.locator) == ("Không nhận.", "Gửi lại.", "'Biểu 1'!A12")
    assert str(error) == "a -> b"


def test_any_error_of_ours_arrives_as_its_class(reader: Callable[..., Any]) -> None:
    with pytest.raises(ValidationFailed) as caught:
        reader("fail_terminally")
    assert type(caught.value) is ValidationFailed
    assert caught.value.exit_code == 6
    assert (caught.value.message, caught.value.remedy) == ("units are missing", "send them")


@pytest.mark.parametrize("name", ["eat", "grab"])
def test_a_reader_that_eats_memory_is_ended(reader: Callable[..., Any], name: str) -> None:
    assert reader(name, {"mib": 100}) >= 100
    begun = time.monotonic()
    error = refused(reader, name, {"mib": 6_000})
    assert error.rule == "guard.memory", error
    assert "600 MB" in error.message_vi
    told_well(error)
    assert time.monotonic() - begun < 10


@pytest.mark.skipif(sys.platform != "linux", reason="macOS counts mapped pages too")
def test_pages_of_a_mapped_file_are_not_memory_of_its_own(reader: Callable[..., Any], tmp_path: Path) -> None:
    path = dropped(tmp_path, "a.csv", b"x" * (300 << 20))
    few = replace(SMALL, memory_bytes=100 << 20)
    assert reader("map_file", {"path": str(path)}, few) == ord("x") * (300 << 20) // 4096


@pytest.mark.parametrize("name", ["sleep", "sleep_with_a_child"])
def test_a_reader_that_takes_too_long_is_ended_with_its_children(
    reader: Callable[..., Any], name: str, tmp_path: Path
) -> None:
    mark = tmp_path / "pid"
    error = refused(reader, name, {"mark": str(mark)}, replace(SMALL, seconds=2.0))
    assert error.rule == "guard.time"
    assert "2,0 giây" in error.message_vi
    told_well(error)
    gone(int(mark.read_text()))


def gone(pid: int) -> None:
    """Ended, or a zombie that waits for whoever adopts orphans here."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
            if (
                sys.platform == "linux"
                and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
            ):
                return
        except (ProcessLookupError, FileNotFoundError):
            return
        time.sleep(0.05)
    raise AssertionError(f"{pid} lives on")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_reader_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from etl.inbox import apart; from etl.inbox.limits import Limits\n"
        "apart._ROOMS = ('misbehaving_reader:',); ours = apart._import_path()\n"
        "apart._import_path = lambda: [*ours, sys.argv[1]]\n"
        "apart.run_apart('misbehaving_reader:sleep', {'mark': sys.argv[2]}, Limits())\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(Path(__file__).parent), str(mark)])
    until = time.monotonic() + 20
    while not (mark.exists() and mark.read_text()):
        assert parent.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    gone(int(mark.read_text()))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("fault", signal.SIGSEGV.name),
        ("leave", "exit code 7"),
        ("stumble", "KeyError at misbehaving_reader.py:"),
        ("answer_nothing_json", "ValueError at "),
        ("no_such_function", "AttributeError at apart.py:"),
    ],
)
def test_a_crash_is_told_without_a_value(reader: Callable[..., Any], name: str, told: str) -> None:
    error = refused(reader, name)
    assert error.rule == "guard.crash"
    assert told in error.message
    assert told in error.message_vi
    told_well(error)
    everything = " ".join([str(error), repr(vars(error)), repr(error.__cause__), repr(error.__context__)])
    assert SECRET not in everything
    assert SECRET.split()[0] not in everything


def test_polars_works_within_the_limits(reader: Callable[..., Any], tmp_path: Path) -> None:
    path = dropped(tmp_path, "a.csv", b"a,b\n" + b"".join(b"%d,x\n" % (n % 1_000) for n in range(300_000)))
    assert reader("work_with_polars", {"path": str(path)}) == 1_000


@pytest.mark.parametrize("name", ["read_workbook", "read_workbook_by_cells"])
def test_one_text_in_a_hundred_thousand_cells_ends_only_the_reader(
    reader: Callable[..., Any], name: str, tmp_path: Path
) -> None:
    """A bomb of 300 KB that no count of bytes shows: each cell names the same text of 30,000 letters."""

    def of(letters: int) -> Path:
        rows = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, 100_001))
        strings = f'<sst xmlns="{hostile_files.MAIN}"><si><t>{"x" * letters}</t></si></sst>'.encode()
        relations = hostile_files.relations(
            ("worksheet", "worksheets/sheet1.xml", False), ("sharedStrings", "sharedStrings.xml", False)
        )
        body = book({"xl/sharedStrings.xml": strings}, sheet=sheet(rows), relations=relations)
        return dropped(tmp_path, f"{letters}.xlsx", body)

    bomb, twin = of(30_000), of(30)
    assert bomb.stat().st_size < 1 << 20
    for path in (bomb, twin):
        inspect_file(path, SMALL)
    assert reader(name, {"path": str(twin)}) == 100_000
    assert refused(reader, name, {"path": str(bomb)}).rule == "guard.memory"
