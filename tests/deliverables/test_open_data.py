"""The open-data package: what Frictionless says of it, every number the report's, nothing active, nothing lost."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import frictionless
import pytest
import report_cases as cases
from test_quality_sheet import full_report

from etl.deliver import open_data
from etl.deliver.appendix_data import GROUP_CODES
from etl.deliver.open_data import CHECKSUMS, DESCRIPTOR, READ_ME, load_tables, render_open_data
from etl.deliver.open_data_tables import table_rows
from etl.deliver.open_data_text import csv_text
from etl.deliver.report import Report
from etl.errors import Terminal
from etl.sources.digitization import MEASURES

REPORTS = {
    "month": full_report,
    "quarter": cases.quarter_report,
    "year": cases.year_report,
    "preliminary": cases.preliminary_report,
    "sample": cases.sample_report,
    "bare": cases.bare_report,
    "hostile": cases.hostile_report,
}
Rows = list[dict[str, Any]]


def written(report: Report, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in render_open_data(report).items():
        (folder / name).write_bytes(content)
    return folder


def problems(folder: Path) -> list[Any]:
    return frictionless.validate(str(folder / DESCRIPTOR)).flatten(["name", "type", "rowNumber", "message"])


def csv_rows(content: bytes) -> Rows:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def json_rows(content: bytes) -> Rows:
    return json.loads(content, parse_float=Decimal, parse_int=Decimal)


@pytest.fixture(scope="module")
def month() -> dict[str, bytes]:
    return render_open_data(full_report())


# ------------------------------------------------------------------ the package


@pytest.mark.parametrize("name", REPORTS)
def test_frictionless_finds_nothing_wrong_with_any_report(name: str, tmp_path: Path) -> None:
    folder = written(REPORTS[name](), tmp_path / name)
    assert problems(folder) == []
    package = frictionless.Package(str(folder / DESCRIPTOR))
    assert len(package.resources) == 2 * len(load_tables())


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_frictionless_refuses_every_tampered_table(ending: str, tmp_path: Path) -> None:
    folder = written(full_report(), tmp_path)
    for table in load_tables():
        path = folder / f"{table.name}.{ending}"
        path.write_bytes(path.read_bytes().replace(b"H44", b"H45", 1))
        name = table.name if ending == "csv" else f"{table.name}-json"
        resource = frictionless.Package(str(folder / DESCRIPTOR)).get_resource(name)
        assert not resource.validate().valid, f"{path.name} was changed unnoticed"
    assert len(problems(folder)) == len(load_tables())


def test_frictionless_refuses_figures_of_the_wrong_kind_and_doubled_keys(tmp_path: Path) -> None:
    folder = written(full_report(), tmp_path)
    descriptor = json.loads((folder / DESCRIPTOR).read_bytes())
    for resource in descriptor["resources"]:  # the hash out of the way: the schema itself must see it
        resource.pop("hash"), resource.pop("bytes")
    (folder / DESCRIPTOR).write_text(json.dumps(descriptor), encoding="utf-8")
    path = folder / "xu_huong.csv"
    kept = path.read_bytes()
    lines = kept.split(b"\r\n")
    path.write_bytes(b"\r\n".join([*lines[:-1], lines[-2], b""]))
    assert [found[1] for found in problems(folder)] == ["primary-key"]
    path.write_bytes(re.sub(rb",\d+\.\d+,", b",7;5,", kept, count=1))
    assert [found[1] for found in problems(folder)] == ["type-error"]


def test_checksums_are_those_of_the_files_and_name_all_of_them(
    tmp_path: Path, month: dict[str, bytes]
) -> None:
    lines = dict(reversed(line.split("  ")) for line in month[CHECKSUMS].decode().splitlines())
    assert set(lines) == set(month) - {CHECKSUMS}
    assert {name: hashlib.sha256(month[name]).hexdigest() for name in lines} == lines
    for resource in json.loads(month[DESCRIPTOR])["resources"]:
        content = month[resource["path"]]
        assert (resource["bytes"], resource["hash"]) == (len(content), f"sha256:{lines[resource['path']]}")
    if shutil.which("sha256sum"):
        folder = written(full_report(), tmp_path)
        told = subprocess.run(
            ["sha256sum", "--strict", "-c", CHECKSUMS], cwd=folder, capture_output=True, check=False
        )
        assert told.returncode == 0, told.stderr


@pytest.mark.parametrize("name", REPORTS)
def test_the_same_report_gives_the_same_bytes(name: str) -> None:
    assert render_open_data(REPORTS[name]()) == render_open_data(REPORTS[name]())


def test_the_descriptor_says_what_the_figures_are(month: dict[str, bytes]) -> None:
    told = json.loads(month[DESCRIPTOR])
    assert told["name"] == "bo-chi-so-h44-2026-09"
    assert (
        told["created"] == "2026-09-16T02:14:39Z"
    )  # when the newest figure was read, not when this was written
    assert [one["name"] for one in told["licenses"]] == ["CC-BY-4.0"]
    assert told["sources"][0]["title"] == "Cổng Dịch vụ công quốc gia"
    assert told["notes"] == list(cases.GAPS)
    assert (told["report_stage"], told["index_period_id"], told["sample"]) == ("final", "2026-08", False)
    for resource in told["resources"]:
        assert {"name", "path", "format", "encoding", "bytes", "hash", "title", "description"} <= set(
            resource
        )
        if resource["format"] == "csv":
            assert resource["schema"]["missingValues"] == [""]
            for field in resource["schema"]["fields"]:
                assert {"name", "type", "title", "description"} <= set(field)
    units = {f["name"]: f.get("unit") for f in told["resources"][0]["schema"]["fields"]}
    assert (units["total"], units["rank_change"], units["unit_name"]) == ("điểm", "bậc", None)


def test_preliminary_and_sample_figures_say_so_in_every_place_a_person_reads() -> None:
    sample, early = render_open_data(cases.sample_report()), render_open_data(cases.preliminary_report())
    assert json.loads(sample[DESCRIPTOR])["title"].startswith("SỐ LIỆU MẪU")
    assert "dichvucong.gov.vn" not in str(json.loads(sample[DESCRIPTOR])["sources"])
    assert sample[READ_ME].decode("utf-8-sig").startswith("SỐ LIỆU MẪU")
    assert b"127.0.0.1" not in b"".join(sample.values())
    assert "(số liệu sơ bộ)" in json.loads(early[DESCRIPTOR])["title"]
    assert "SỐ LIỆU SƠ BỘ" in early[READ_ME].decode()
    assert {row["report_stage"] for row in csv_rows(early["so_hoa.csv"])} == {"preliminary"}


def test_the_read_me_names_every_file_and_count_and_is_a_windows_text(month: dict[str, bytes]) -> None:
    text = month[READ_ME].decode("utf-8-sig")
    for table in load_tables():
        assert f"{table.name} " in text
    assert f"({len(csv_rows(month['chi_so_thanh_phan.csv']))} dòng)" in text
    assert "$" not in text
    assert "\n" not in text.replace("\r\n", "")
    assert "CC-BY-4.0" in text
    assert all(gap in text for gap in cases.GAPS)


# ------------------------------------------------------------------ the numbers


@pytest.mark.parametrize("name", ["month", "quarter", "year", "bare"])
def test_every_number_of_the_report_stands_in_its_table(name: str) -> None:
    report = REPORTS[name]()
    files = render_open_data(report)
    rows = {table.name: json_rows(files[f"{table.name}.json"]) for table in load_tables()}
    data = report.indicators

    units = [data.province, *data.units]
    for row, unit in zip(rows["chi_so_don_vi"], units, strict=True):
        assert (row["unit_name"], row["block"], row["total"]) == (unit.unit_name, unit.block, unit.total)
        assert tuple(row[code.lower()] for code in GROUP_CODES) == unit.group_scores
        assert (row["rank_in_block"], row["total_change"], row["rank_change"]) == (
            unit.rank_in_block, unit.total_change, unit.rank_change)  # fmt: skip
    keys = ("numerator", "denominator", "ratio_pct", "score", "max_score")
    parts = [*data.indicators, *report.components]
    for row, part in zip(rows["chi_so_thanh_phan"], parts, strict=True):
        assert (row["indicator_code"], row["indicator_name"]) == (part.indicator_code, part.name)
        assert [row[key] for key in keys] == [getattr(part, key) for key in keys]
        assert row["value"] == getattr(part, "value", None)
    changes = {
        row["indicator_code"]: row["score_change"]
        for row in rows["chi_so_thanh_phan"]
        if row["level"] == "group"
    }
    assert changes == {group.code: group.change for group in report.groups}
    ranked = [(row["province_code"], row["total"], row["rank"], row["own"]) for row in rows["xep_hang_tinh"]]
    assert ranked == [(one.province_code, one.total, one.rank, one.own) for one in report.ranking]
    trend = [
        (row["period_id"], row["total"], *(row[code.lower()] for code in GROUP_CODES))
        for row in rows["xu_huong"]
    ]
    assert trend == [(point.period.id, point.total, *point.groups) for point in report.trend]

    form = report.digitization
    for table, lines in (
        ("so_hoa", form.units if form else ()),
        ("so_hoa_khoi", form.totals if form else ()),
    ):
        for row, line in zip(rows[table], lines, strict=True):
            assert {measure: row[measure] for measure in MEASURES} == dict(line.measures)
            assert {rate: row[rate] for rate in line.rates} == dict(line.rates)
            assert (row["block"], row["met_target"]) == (line.block, line.met_target)
    matters = [*data.quality, *(form.quality if form else ())]
    assert [(r["subject"], r["state"]) for r in rows["chat_luong"]] == [(m.subject, m.state) for m in matters]
    hashes = [
        *(one.sha256 for one in data.snapshot.captures),
        *(one.sha256 for one in (form.files if form else ())),
    ]
    assert [row["sha256"] for row in rows["nguon"]] == hashes


@pytest.mark.parametrize("name", ["month", "quarter", "year", "bare", "hostile"])
def test_csv_and_json_hold_the_same_rows_and_digits(name: str) -> None:
    files = render_open_data(REPORTS[name]())
    seen = 0
    for table in load_tables():
        text = {field["name"] for field in table.fields if field["type"] == "string"}
        pairs = zip(csv_rows(files[f"{table.name}.csv"]), json_rows(files[f"{table.name}.json"]), strict=True)
        for in_csv, in_json in pairs:
            assert list(in_csv) == list(in_json) == list(table.columns)
            for column, exact in in_json.items():
                told = csv_text(exact) if column in text and exact is not None else _plain(exact)
                assert in_csv[column] == told.replace("\r\n", "\n")
                seen += 1
    assert seen > 1000


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def test_none_is_empty_and_null_and_zero_is_zero(month: dict[str, bytes]) -> None:
    """Lai Đồng has no figures at all, Thu Cúc no dossiers: the one is blank, the other 0."""
    in_csv = {row["unit_name"]: row for row in csv_rows(month["chi_so_don_vi.csv"])}
    in_json = {row["unit_name"]: row for row in json_rows(month["chi_so_don_vi.json"])}
    figures = (
        *(code.lower() for code in GROUP_CODES),
        "total",
        "rank_in_block",
        "total_change",
        "rank_change",
    )
    assert {in_csv["UBND xã Lai Đồng"][name] for name in figures} == {""}
    assert {in_json["UBND xã Lai Đồng"][name] for name in figures} == {None}
    assert (in_csv["UBND xã Thu Cúc"]["tdgq"], in_csv["UBND xã Thu Cúc"]["no_dossiers"]) == ("0", "true")
    assert in_json["UBND xã Thu Cúc"]["tdgq"] == 0
    trend = csv_rows(month["xu_huong.csv"])
    assert sum(row["total"] == "" for row in trend) == 1


def test_a_report_without_digitization_still_has_every_table_with_its_header() -> None:
    files = render_open_data(cases.bare_report())
    for name in ("so_hoa", "so_hoa_khoi", "xep_hang_tinh"):
        assert csv_rows(files[f"{name}.csv"]) == json_rows(files[f"{name}.json"]) == []
        assert files[f"{name}.csv"].decode("utf-8-sig").count(",") > 5
    assert "Kỳ số liệu số hóa hồ sơ: chưa có số liệu" in files[READ_ME].decode()


def test_a_unit_gets_its_code_only_where_the_name_is_one_units() -> None:
    plain = cases.report()
    named = {one.unit_name: f"H44.{place:02d}" for place, one in enumerate(plain.indicators.units)}
    coded = tuple(dataclasses.replace(one, unit_code=named[one.unit_name]) for one in plain.components)
    twin = dataclasses.replace(plain.indicators.units[0], total=Decimal(1))
    units = (*plain.indicators.units, twin)
    report = dataclasses.replace(
        plain, components=coded, indicators=dataclasses.replace(plain.indicators, units=units)
    )
    rows = table_rows(report, "chi_so_don_vi")
    assert rows[0]["unit_code"] == "H44"
    assert rows[2]["unit_code"] == named[plain.indicators.units[1].unit_name]
    assert rows[1]["unit_code"] is rows[-1]["unit_code"] is None


def test_the_portals_flag_stays_with_the_figures_it_is_about(month: dict[str, bytes]) -> None:
    flagged = [
        row
        for row in json_rows(month["chi_so_thanh_phan.json"])
        if row["quality_flag"] not in (None, "COMPUTED_SUM")
    ]
    assert {row["indicator_code"] for row in flagged} == {"1.4"}
    assert {row["block"] for row in flagged} == {"province", "department", "commune"}


def test_changes_since_the_earlier_release_are_told_once_and_by_its_number() -> None:
    report = full_report()
    rows = table_rows(report, "dinh_chinh")
    assert len(rows) == 45  # 30 since release 1, which are among the 45 in all
    assert [row["since_release"] for row in rows] == [1] * 30 + [None] * 15
    assert [row["old_value"] for row in rows[:2]] == [format(report.earlier.changes[0].old_value, "f"), None]


def test_namesakes_whose_figures_changed_alike_are_two_lines() -> None:
    """Two communes Phước Hưng: the line has a name only, and none may be lost for looking like another."""
    twice = cases.restatements(1) * 2
    data = cases.indicators_data(restatements=twice)
    assert len(table_rows(cases.report(indicators=data), "dinh_chinh")) == 2
    report = cases.report(indicators=data, earlier=cases.earlier_release(1))
    assert [row["since_release"] for row in table_rows(report, "dinh_chinh")] == [1, None]


def test_a_corrected_form_is_told_under_the_window_it_is_about() -> None:
    row = dataclasses.replace(cases.restatements(1)[0], indicator_code="DIGITIZATION", field="received")
    earlier = dataclasses.replace(cases.earlier_release(0), changes=(row,))
    rows = table_rows(cases.report(earlier=earlier), "dinh_chinh")
    assert [(one["indicator_code"], one["period_id"]) for one in rows][:2] == [
        ("DIGITIZATION", "2026-09"), ("TOTAL", "2026-08")]  # fmt: skip


def test_packages_of_many_periods_can_be_stacked(tmp_path: Path) -> None:
    """Month, quarter, year and a preliminary run of the same month: one table each, no key twice."""
    reports = [cases.report(), cases.preliminary_report(), cases.quarter_report(), cases.year_report()]
    packages = [render_open_data(report) for report in reports]
    resources = []
    for table in load_tables():
        contents = [files[f"{table.name}.csv"] for files in packages]
        headers = {content.split(b"\r\n", 1)[0] for content in contents}
        assert len(headers) == 1
        stacked = contents[0] + b"".join(content.split(b"\r\n", 1)[1] for content in contents[1:])
        (tmp_path / f"{table.name}.csv").write_bytes(stacked)
        rows = csv_rows(stacked)
        assert len(rows) == sum(len(csv_rows(content)) for content in contents)
        if table.name != "dinh_chinh":
            assert {row["report_period_id"] for row in rows} == {"2026-09", "2026-Q3", "2026"}
        province = "reporting_province_code" if table.name == "xep_hang_tinh" else "province_code"
        assert {row[province] for row in rows} == {"H44"}
        told = json.loads(packages[0][DESCRIPTOR])["resources"]
        resource = next(one for one in told if one["name"] == table.name)
        resources.append({key: value for key, value in resource.items() if key not in ("hash", "bytes")})
    (tmp_path / DESCRIPTOR).write_text(
        json.dumps({"name": "stack", "resources": resources}), encoding="utf-8"
    )
    assert problems(tmp_path) == []
    assert any(table.primary_key for table in load_tables())


# ------------------------------------------------------------------ the descriptions


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The descriptions in a folder of the test's own."""
    folder = tmp_path / "open_data"
    shutil.copytree(Path(open_data.__file__).parent / "open_data", folder)
    monkeypatch.setattr(open_data, "_TEXTS", folder)
    for cached in (open_data.load_tables, open_data._package):
        cached.cache_clear()
    yield folder
    monkeypatch.undo()
    for cached in (open_data.load_tables, open_data._package):
        cached.cache_clear()


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_an_office_may_choose_another_licence(texts: Path) -> None:
    _replace(texts / "package.yml", "CC-BY-4.0", "ODC-BY-1.0")
    files = render_open_data(cases.report())
    assert json.loads(files[DESCRIPTOR])["licenses"][0]["name"] == "ODC-BY-1.0"
    assert "ODC-BY-1.0" in files[READ_ME].decode()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  own: {type: boolean, title: Tỉnh báo cáo,", "  mine: {type: boolean, title: Tỉnh báo cáo,"),
        ("  rank: {type: integer,", "  rank: {type: whole,"),
        ("      - own\n", ""),
        ("      - own\n", "      - own\n      - own\n"),
        ("      - own\n", "      - own\n      - score\n"),
        ("  - name: nguon\n", "  - name: nguon_khac\n"),
        ("report_stage, block]\n    fields", "report_stage, blok]\n    fields"),
        ("tables:\n", "tables\n"),
    ],
)
def test_a_description_that_does_not_fit_is_refused_with_a_remedy(texts: Path, old: str, new: str) -> None:
    _replace(texts / "tables.yml", old, new)
    with pytest.raises(Terminal) as refused:
        render_open_data(cases.report())
    assert refused.value.remedy
