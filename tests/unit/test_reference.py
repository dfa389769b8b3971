"""Provinces, units, indicators and calendar overrides: dated files and what their loaders say."""

from __future__ import annotations

import csv
import unicodedata
import uuid
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from etl.errors import Terminal, UnknownName
from etl.reference.calendar import load_calendar_overrides
from etl.reference.indicators import Catalogue, Indicator, load_catalogue, load_editions, rule_score
from etl.reference.provinces import find_province, load_provinces
from etl.reference.units import load_listed_units, name_key, portal_unit_id
from etl.settings import PROJECT_ROOT

PHU_THO = (PROJECT_ROOT / "etl/reference/provinces/phu_tho.yml").read_text(encoding="utf-8")


# --- provinces --------------------------------------------------------------------------------------


def test_35_provinces_are_shipped_34_of_them_on_todays_portal() -> None:
    provinces = load_provinces()
    assert len(provinces) == 35
    assert len({province.code for province in provinces.values()}) == 35
    ids = [province.portal_id for province in provinces.values() if province.portal_id]
    assert len(ids) == len(set(ids)) == 34
    assert all(str(uuid.UUID(text)) == text for text in ids)
    assert [province.slug for province in provinces.values() if not province.portal_id] == ["ba_ria_vung_tau"]


def test_portal_ids_and_codes_are_those_of_the_real_national_page(real_captures: Path) -> None:
    text = (real_captures / "national-service-results-year-2026.json").read_text(encoding="utf-8")
    page = yaml.safe_load(text)["data"]["evaluation"]
    real = {(line["departmentCode"], line["departmentId"]) for line in page}
    ours = {(item.code, item.portal_id) for item in load_provinces().values() if item.portal_id}
    assert ours == real
    assert len(real) == 34


def test_a_province_is_found_by_slug_or_code() -> None:
    assert find_province("phu_tho") == find_province(" H44 ")
    with pytest.raises(UnknownName, match="no province is called 'Phú Thọ'") as caught:
        find_province("Phú Thọ")
    assert "phu_tho" in caught.value.remedy


def test_the_letters_province_has_its_own_closed_series() -> None:
    province = find_province("ba_ria_vung_tau")
    assert (province.valid_to, province.successor) == (date(2025, 6, 30), "H29")
    assert find_province("H29").slug == "ho_chi_minh"


def test_a_file_of_ones_own_adds_or_replaces(tmp_path: Path) -> None:
    (tmp_path / "phu_tho.yml").write_text(PHU_THO.replace("name: tỉnh Phú Thọ", "name: Phú Thọ mới"), "utf-8")
    new = PHU_THO.replace("slug: phu_tho", "slug: noi_moi").replace("code: H44", "code: H99")
    (tmp_path / "noi_moi.yml").write_text(new, encoding="utf-8")
    provinces = load_provinces(tmp_path)
    assert len(provinces) == 36
    assert find_province("H44", tmp_path).name == "Phú Thọ mới"
    assert find_province("noi_moi", tmp_path).code == "H99"
    assert find_province("H44").name == "tỉnh Phú Thọ"
    assert len(load_provinces(tmp_path / "nowhere")) == 35


def test_two_files_may_not_claim_one_code(tmp_path: Path) -> None:
    (tmp_path / "twin.yml").write_text(PHU_THO.replace("slug: phu_tho", "slug: twin"), encoding="utf-8")
    with pytest.raises(Terminal, match="claim the code H44: phu_tho and twin"):
        load_provinces(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[",
        b"- 1",
        b"slug: x",
        PHU_THO.encode("utf-16"),
        b"\xff\xfe",
        (PHU_THO + "\nmayor: someone\n").encode(),
        PHU_THO.replace("valid_from: 2025-07-01", "valid_from: soon").encode(),
    ],
    ids=[
        "empty",
        "null",
        "no yaml",
        "a list",
        "keys missing",
        "UTF-16",
        "no text",
        "a key too many",
        "no date",
    ],
)
def test_a_broken_province_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.yml").write_bytes(content)
    with pytest.raises(Terminal) as caught:
        load_provinces(tmp_path)
    assert str(tmp_path / "broken.yml") in caught.value.message
    assert "phu_tho.yml" in caught.value.remedy


# --- units ------------------------------------------------------------------------------------------


def test_the_letters_province_has_82_communes_8_districts_and_21_agencies() -> None:
    units = load_listed_units()
    assert Counter(unit.block for unit in units) == {"commune": 82, "district": 8, "department": 21}
    assert {unit.province_code for unit in units} == {"H06"}
    assert len({unit.unit_id for unit in units}) == len(units) == 111
    assert {(unit.valid_from, unit.valid_to) for unit in units} == {(date(2023, 1, 1), date(2025, 6, 30))}


def test_communes_and_districts_are_those_of_the_legal_list(shared_folder: Path) -> None:
    path = shared_folder / "domain" / "brvt_units_gso_pre2025.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    legal = {(row["commune_code"], row["district_code"]) for row in rows if row["commune_code"]}
    ours = {(unit.gso_code, unit.parent_gso_code) for unit in load_listed_units() if unit.block == "commune"}
    assert ours == legal
    # Côn Đảo (755), a district without communes, cannot stand in a list of communes
    districts = {unit.gso_code for unit in load_listed_units() if unit.block == "district"}
    assert districts == {row["district_code"] for row in rows} | {"755"}
    for unit in load_listed_units():
        names = [row["commune"] for row in rows if unit.gso_code and row["commune_code"] == unit.gso_code]
        assert all(name_key(name) in name_key(unit.name) for name in names)


def test_con_dao_is_a_district_without_communes() -> None:
    units = load_listed_units()
    (con_dao,) = [unit for unit in units if "Côn Đảo" in unit.name]
    assert con_dao.block == "district"
    assert not [unit for unit in units if unit.parent_gso_code == con_dao.gso_code]


def test_two_communes_of_one_name_are_two_units() -> None:
    twins = [unit for unit in load_listed_units() if unit.name.endswith("Phước Hưng")]
    assert [(unit.gso_code, str(unit.unit_id)) for unit in twins] == [
        ("26548", "d0e580a6-0451-5a62-9109-03d3b1fb5279"),
        ("26677", "57b205dd-af2d-558b-a8ea-76b812607e7f"),
    ]


def test_ids_never_change() -> None:
    """Warehouses already hold them: a failure here is a broken promise, not an outdated number."""
    by_name = {unit.name: str(unit.unit_id) for unit in load_listed_units()}
    assert by_name["Văn phòng UBND tỉnh"] == "58d728d2-0048-5a89-8b1c-a32481da81f3"
    assert by_name["UBND thành phố Vũng Tàu"] == "5e9ea9fc-abe2-5afc-a979-e59207cd0174"
    phu_tho = uuid.UUID("83edd961-44d5-5e37-b922-35fad5a2adac")
    assert portal_unit_id("019d2be3-6a88-732b-8b17-b68020c8553a") == phu_tho
    assert portal_unit_id("019D2BE3-6A88-732B-8B17-B68020C8553A") == phu_tho


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("UBND xã Thắm", unicodedata.normalize("NFD", "UBND xã Thắm")),
        ("UBND Xã Thắm", "UBND xã thắm"),
        ("  UBND \t xã\u00a0Thắm\n", "UBND xã Thắm"),
        ("ỦY BAN", "ủy ban"),
    ],
)
def test_a_respelling_has_the_same_key(one: str, two: str) -> None:
    assert one != two
    assert name_key(one) == name_key(two)


@pytest.mark.parametrize(("one", "two"), [("Hoà", "Hòa"), ("xã Thắm", "xã Tham"), ("phường 1", "phường 11")])
def test_another_name_has_another_key(one: str, two: str) -> None:
    assert name_key(one) != name_key(two)


# --- indicators -------------------------------------------------------------------------------------


def test_the_maxima_of_the_groups_make_100_in_every_edition() -> None:
    for edition in load_editions():
        assert sum(group.max_score for group in edition.groups) == edition.total_max == 100
        assert {group.code: int(group.max_score) for group in edition.groups} == {
            "CKMB": 18,
            "TDGQ": 20,
            "CLGQ": 12,
            "TTTT": 10,
            "MDSH": 22,
            "MDHL": 18,
        }
    assert len(load_editions()) == 2


def test_known_component_maxima_do_not_exceed_their_group(catalogue: Catalogue) -> None:
    checked = 0
    for group in catalogue.groups:
        known = [item.max_score for item in group.indicators if item.max_score is not None]
        assert sum(known) <= group.max_score
        if len(known) == len([item for item in group.indicators if item.published]) and group.code != "TDGQ":
            assert sum(known) == group.max_score, group.code
            checked += 1
    assert checked >= 3


def test_codes_are_unique(catalogue: Catalogue) -> None:
    items = [item for group in catalogue.groups for item in group.indicators]
    codes = [item.code for item in items] + list(catalogue.group_codes)
    assert len(codes) == len(set(codes))
    portal = [item.portal_code for item in items if item.portal_code]
    assert len(portal) == len(set(portal)) == 16


def test_the_catalogue_says_what_the_domain_says(catalogue: Catalogue, shared_folder: Path) -> None:
    source = yaml.safe_load((shared_folder / "domain" / "catalogue.yaml").read_text(encoding="utf-8"))
    compared = 0
    for group in source["groups"]:
        ours = catalogue.group(group["code"])
        assert (ours.max_score, ours.endpoint) == (group["max_score"], group["endpoint"])
        by_code = {item.code: item for item in ours.indicators}
        for line in group["indicators"]:
            item = by_code[line["id"]]
            assert item.portal_code == line.get("portal_code"), line["id"]
            assert item.threshold == line.get("threshold"), line["id"]
            compared += 1
    assert compared >= 26


def test_an_edition_is_chosen_by_date() -> None:
    assert load_catalogue().id == "dvcqg-2026"
    assert load_catalogue(date(2026, 1, 1)).id == "dvcqg-2026"
    assert load_catalogue(date(2025, 12, 31)).id == "dvcqg-2022"
    assert load_catalogue(date(2022, 6, 23)).id == "dvcqg-2022"
    assert load_catalogue(date(2026, 1, 1)).series != load_catalogue(date(2025, 12, 31)).series
    with pytest.raises(UnknownName, match="22/06/2022"):
        load_catalogue(date(2022, 6, 22))


def test_an_unknown_group_is_named(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownName, match="no indicator group 'ONLINE'"):
        catalogue.group("ONLINE")


def indicator(code: str) -> Indicator:
    return next(item for group in load_catalogue().groups for item in group.indicators if item.code == code)


@pytest.mark.parametrize(
    ("code", "ratio", "score"),
    [
        # the observations of shared/domain/catalogue.yaml
        ("1.1", "2.13", "0.13"),
        ("1.2", "91.49", "3.66"),
        ("1.2", "96.34", "3.85"),
        ("4.2", "92.2", "3.69"),
        ("4.4", "2.70", "0.11"),
        ("4.4", "2.14", "0.09"),
        ("5.2", "73.68", "4.42"),
        ("5.3", "55.47", "3.33"),
        # thresholds: 80 % for 4.3, 90 % for 5.4
        ("4.3", "80", "2.00"),
        ("4.3", "79.99", "2.00"),
        ("4.3", "40", "1.00"),
        ("4.3", "100", "2.00"),
        ("5.4", "90", "6.00"),
        ("5.4", "45", "3.00"),
        ("5.4", "99.9", "6.00"),
        ("5.4", "78.35", "5.22"),
        ("5.4", "78.22", "5.21"),
        # the ends, and half up rather than half to even
        ("2.1", "0", "0.00"),
        ("2.1", "100", "20.00"),
        ("4.4", "0.125", "0.01"),
        ("4.4", "0.375", "0.02"),
    ],
)
def test_the_rule_gives_the_score_the_portal_gave(code: str, ratio: str, score: str) -> None:
    assert rule_score(indicator(code), Decimal(ratio)) == Decimal(score)


@pytest.mark.parametrize("code", ["2.2", "3.1", "3.2", "3.3", "5.1a", "5.1b", "S2-18"])
def test_no_rule_or_no_maximum_gives_no_score(code: str) -> None:
    assert rule_score(indicator(code), Decimal(50)) is None


# --- calendar overrides -----------------------------------------------------------------------------


def test_the_shipped_overrides_are_readable() -> None:
    assert set(load_calendar_overrides().values()) <= {"working", "off"}


def test_overrides_are_read_by_date(tmp_path: Path) -> None:
    path = tmp_path / "overrides.yml"
    path.write_text(
        "overrides:\n"
        "- {date: 2026-02-21, nature: working, announcement: 'Công văn 1'}\n"
        "- {date: 2026-02-16, nature: off}\n"
        "- {date: 2026-02-20, nature: 'off'}\n",
        encoding="utf-8",
    )
    # a bare off is false to YAML, and the file's own comment shows it bare
    assert load_calendar_overrides(path) == {
        date(2026, 2, 21): "working",
        date(2026, 2, 16): "off",
        date(2026, 2, 20): "off",
    }


@pytest.mark.parametrize("content", ["", "null", "{}", "overrides:", "overrides: []"])
def test_no_override_is_no_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "overrides.yml"
    path.write_text(content, encoding="utf-8")
    assert load_calendar_overrides(path) == {}


@pytest.mark.parametrize(
    "entry",
    [
        "{date: 2026-02-21}",
        "{date: 2026-02-21, nature: holiday}",
        "{date: 2026-02-21, nature: on}",
        "{date: 2026-02-21, nature: null}",
        "{nature: off}",
        "{date: '2026-02-21', nature: off}",
        "{date: 21/02/2026, nature: off}",
        "{date: 2026-02-21T00:00:00, nature: off}",
        "2026-02-21",
        "[2026-02-21, off]",
        "null",
    ],
)
def test_a_line_that_is_no_override_is_named(tmp_path: Path, entry: str) -> None:
    path = tmp_path / "overrides.yml"
    path.write_text(f"overrides:\n- {{date: 2026-02-16, nature: 'off'}}\n- {entry}\n", encoding="utf-8")
    with pytest.raises(Terminal, match="is not a calendar override") as caught:
        load_calendar_overrides(path)
    assert str(path) in caught.value.message
    assert "nature is working or off" in caught.value.remedy


@pytest.mark.parametrize("content", [b"[", b"- {date: 2026-02-16, nature: 'off'}", b"text", b"\xff\xfe"])
def test_a_calendar_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "overrides.yml"
    path.write_bytes(content)
    with pytest.raises(Terminal, match="cannot be read") as caught:
        load_calendar_overrides(path)
    assert str(path) in caught.value.message


def test_a_calendar_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(Terminal, match=r"gone\.yml cannot be read"):
        load_calendar_overrides(tmp_path / "gone.yml")
