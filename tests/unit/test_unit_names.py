"""Which unit a row speaks of: what counts as the same name, and what is refused instead of guessed."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.errors import FileRefused
from etl.reference.provinces import Province, find_province
from etl.reference.unit_names import MATCHED_ROWS, Matched, match_units, names_agree
from etl.reference.unit_spelling import fold
from etl.reference.units import KnownUnit, load_listed_units, portal_unit_id
from etl.sources.digitization import UNIT_ROWS
from etl.sources.tidy import REJECTED, table_of

PHU_THO, BRVT, HUE = (find_province(name) for name in ("phu_tho", "ba_ria_vung_tau", "hue"))
_LISTED = load_listed_units()
_NAMES = {unit.gso_code: unit.name for unit in _LISTED}
# 2023, with districts; the legal list knows no codes.
OLD = tuple(
    KnownUnit(unit.unit_id, unit.block, unit.name, None, _NAMES.get(unit.parent_gso_code))
    for unit in _LISTED
    if unit.province_code == "H06"
)
# Today, with the spellings the portal mixes.
NEW = tuple(
    KnownUnit(portal_unit_id(code), block, name, code)
    for code, block, name in (
        ("H44.01", "department", "Văn phòng UBND Tỉnh - Tỉnh Phú Thọ"),
        ("H44.08", "department", "Sở Giáo dục và Đào tạo - Tỉnh Phú Thọ"),
        ("H44.17", "department", "Văn phòng Đăng ký đất đai - Tỉnh Phú Thọ"),
        ("H44.23", "department", "Thanh tra tỉnh - Tỉnh Phú Thọ"),
        ("H44.100", "commune", "UBND Phường Việt Trì"),
        ("H44.106", "commune", "UBND xã Lâm Thao - Tỉnh Phú Thọ"),
        ("H44.110", "commune", "UBND Phường Phú Thọ"),
        ("H44.201", "commune", "UBND phường Xuân Hòa"),
    )
)


def matched(
    *rows: tuple[str | None, str | None, str | None],
    directory: tuple[KnownUnit, ...] = OLD,
    province: Province = BRVT,
) -> Matched:
    """Rows of (name, block, code), matched."""
    table = table_of(
        [
            {
                "row_no": number,
                "unit_name": name,
                "block": block,
                "unit_code": code,
                "received": 7,
                "capture_sha256": "ab" * 32,
                "locator": f"'Biểu 1'!A{number}",
            }
            for number, (name, block, code) in enumerate(rows, 1)
        ],
        UNIT_ROWS,
    )
    return match_units(table, directory, province)


def unit_of(name: str | None, block: str | None, code: str | None = None, **others: Any) -> str | None:
    """The known name that one row finds; None where it is refused."""
    found = matched((name, block, code), **others).rows["unit_id"].to_pylist()
    names = {str(unit.unit_id): unit.name for unit in (*OLD, *NEW, *others.get("directory", ()))}
    return names[found[0]] if found else None


def refusal_of(name: str | None, block: str | None, code: str | None = None, **others: Any) -> dict[str, Any]:
    result = matched((name, block, code), **others)
    assert result.rows.num_rows == 0
    (line,) = result.rejected.to_pylist()
    return dict(line)


# --- folding ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("xã Hoà Long", "xã Hòa Long"),
        ("phường Thuỷ Xuân", "phường Thủy Xuân"),
        ("xã Khoẻ", "xã Khỏe"),
        ("UBND Xã Tân Hưng", "UBND xã Tân Hưng"),
        ("UBND xã Tân Hưng", "Xã Tân Hưng"),
        ("Ủy ban nhân dân xã Tân Hưng", "xã Tân Hưng"),
        ("Uỷ ban nhân dân xã Tân Hưng", "xã Tân Hưng"),
        ("ỦY BAN NHÂN DÂN XÃ TÂN HƯNG", "xã Tân Hưng"),
        (unicodedata.normalize("NFD", "UBND xã Hoà Hiệp"), "xã Hòa Hiệp"),
        ("xã Ðá Bạc", "xã Đá Bạc"),
        ("TP Vũng Tàu", "thành phố Vũng Tàu"),
        ("TP. Vũng Tàu", "thành phố Vũng Tàu"),
        ("TP.Vũng Tàu", "Thành Phố Vũng Tàu"),
        ("P. Phước Hưng", "phường Phước Hưng"),
        ("P.01", "phường 1"),
        ("P1", "Phường 1"),
        ("H. Long Điền", "huyện Long Điền"),
        ("TX. Phú Mỹ", "thị xã Phú Mỹ"),
        ("TX Phú Mỹ", "thị xã Phú Mỹ"),
        ("X. Tân Hoà", "xã Tân Hòa"),
        ("Q. 3", "quận 3"),
        ("Sở Lao động – Thương binh và Xã hội", "Sở Lao động - Thương binh và Xã hội"),
        ("Sở Lao động-Thương binh  và\u00a0Xã hội", "Sở Lao động - Thương binh và Xã hội"),
        ("Sở LĐ-TB&XH", "Sở Lao động - Thương binh và Xã hội"),
        ("Sở LĐTBXH", "Sở Lao động - Thương binh và Xã hội"),
        ("Sở GD&ĐT", "Sở Giáo dục và Đào tạo"),
        ("Sở GD & ĐT", "Sở Giáo dục và Đào tạo"),
        ("Sở VH,TT&DL", "Sở Văn hóa, Thể thao và Du lịch"),
        ("Sở VHTTDL", "Sở Văn hoá, Thể thao và Du lịch"),
        ("Sở NN&PTNT", "Sở Nông nghiệp và Phát triển nông thôn"),
        ("Sở TN&MT", "Sở Tài nguyên và Môi trường"),
        ("Sở TT&TT", "Sở Thông tin và Truyền thông"),
        ("Sở KH&ĐT", "Sở Kế hoạch và Đầu tư"),
        ("Ban QL các KCN", "Ban Quản lý các khu công nghiệp"),
        ("VP UBND huyện", "Văn phòng Ủy ban nhân dân huyện"),
        ("CN VPĐKĐĐ huyện Long Điền", "Chi nhánh Văn phòng đăng ký đất đai huyện Long Điền"),
        ("1. UBND xã Tân Hưng", "UBND xã Tân Hưng"),
        ("12) xã Tân Hưng", "xã Tân Hưng"),
        ("- UBND xã Tân Hưng", "UBND xã Tân Hưng"),
        ("xã\u200b Tân\ufeff Hưng", "xã Tân Hưng"),
        ("  xã   Tân\nHưng ", "xã Tân Hưng"),
    ],
)
def test_two_spellings_of_one_name_fold_alike(one: str, other: str) -> None:
    assert one != other
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("xã Lý Nhơn", "xã Lí Nhơn"),
        ("xã Phước Hưng", "phường Phước Hưng"),
        ("huyện Long Điền", "thị trấn Long Điền"),
        ("xã Long Điền", "Long Điền"),
        ("phường 1", "phường 10"),
        ("xã Hòa Long", "xã Hoa Long"),
        ("xã Hòa", "xã Hỏa"),
        ("xã Ma", "xã Mà"),
        ("xã Cư", "xã Cu"),
        ("xã Đá", "xã Dá"),
        ("Sở Y tế", "Trung tâm y tế"),
        ("Văn phòng UBND tỉnh", "Văn phòng tỉnh"),
    ],
)
def test_two_names_stay_two(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@pytest.mark.parametrize(
    ("written", "bare"),
    [
        ("UBND xã Lâm Thao - Tỉnh Phú Thọ", "xã Lâm Thao"),
        ("UBND xã Lâm Thao – tỉnh Phú Thọ", "xã Lâm Thao"),
        ("UBND xã Lâm Thao, tỉnh Phú Thọ", "xã Lâm Thao"),
        ("UBND xã Lâm Thao (tỉnh Phú Thọ)", "xã Lâm Thao"),
        ("Sở Nội vụ tỉnh Phú Thọ", "Sở Nội vụ"),
        ("Văn phòng UBND Tỉnh - Tỉnh Phú Thọ", "Văn phòng UBND"),
        ("Thanh tra tỉnh", "Thanh tra"),
        ("UBND phường Phú Thọ", "phường Phú Thọ"),
        ("UBND xã Lâm Thao - Tỉnh Bắc Ninh", "xã Lâm Thao Tỉnh Bắc Ninh"),
    ],
)
def test_the_own_provinces_name_behind_a_unit_is_no_part_of_it(written: str, bare: str) -> None:
    assert fold(written, PHU_THO) == fold(bare)


def test_a_citys_name_behind_a_unit_is_no_part_of_it() -> None:
    assert fold("Sở Nội vụ - Thành phố Huế", HUE) == fold("Sở Nội vụ TP. Huế", HUE) == fold("Sở Nội vụ")
    assert fold("UBND thành phố Huế", HUE) == fold("thành phố Huế", HUE) != ""
    hcm = find_province("ho_chi_minh")
    assert fold("Sở Tư pháp TP.HCM", hcm) == fold("Sở Tư pháp", hcm)


@given(st.text(max_size=60))
def test_any_text_folds_alike_however_it_is_composed(name: str) -> None:
    assert fold(unicodedata.normalize("NFD", name)) == fold(unicodedata.normalize("NFC", name))


def test_every_listed_name_has_a_key_of_its_own_beside_its_namesakes() -> None:
    assert len(OLD) == 111
    assert len({(unit.block, fold(unit.name, BRVT)) for unit in OLD}) == len(OLD)


# --- by code ----------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["H44.106", " h44.106 ", "H44.106.05", "H44.106.05.13"])
def test_a_code_or_its_longest_known_prefix_decides_whatever_the_name(code: str) -> None:
    result = matched(("Tên khác", "department", code), directory=NEW, province=PHU_THO)
    (row,) = result.rows.to_pylist()
    assert (row["unit_code"], row["block"]) == ("H44.106", "commune")
    assert row["unit_id"] == str(portal_unit_id("H44.106"))
    assert row["unit_name"] == "Tên khác"
    assert result.rows.schema == MATCHED_ROWS


def test_the_longest_of_two_known_prefixes_decides() -> None:
    below = KnownUnit(portal_unit_id("below"), "commune", "Điểm tiếp nhận", "H44.106.05")
    assert unit_of("x", None, "H44.106.05.13", directory=(*NEW, below), province=PHU_THO) == "Điểm tiếp nhận"


def test_a_renamed_unit_is_found_by_its_code_and_not_by_its_old_name() -> None:
    assert unit_of("UBND xã Tên Cũ", "commune", "H44.106", directory=NEW, province=PHU_THO) == NEW[5].name
    line = refusal_of("UBND xã Tên Cũ", "commune", directory=NEW, province=PHU_THO)
    assert line["rule"] == "unit_unknown"
    assert "ghi mã định danh" in line["message_vi"]


def test_a_code_of_another_province_is_never_matched_by_name() -> None:
    line = refusal_of("UBND Phường Việt Trì", "commune", "H15.100", directory=NEW, province=PHU_THO)
    assert (line["rule"], line["column_name"], line["value"]) == ("unit_unknown", "unit_code", "H15.100")
    assert "H15.100 không thuộc tỉnh Phú Thọ" in line["message_vi"]


def test_an_unknown_code_beside_a_name_of_another_code_is_refused() -> None:
    line = refusal_of("UBND Phường Việt Trì", "commune", "H44.999", directory=NEW, province=PHU_THO)
    assert (line["rule"], line["column_name"]) == ("unit_unknown", "unit_code")
    assert "UBND Phường Việt Trì (H44.100)" in line["message_vi"]


def test_where_no_code_is_known_or_the_code_is_of_another_kind_the_name_decides() -> None:
    assert unit_of("xã Long Sơn", "commune", "H06.26.5") == "UBND xã Long Sơn"
    found = unit_of("Phường Việt Trì", "commune", "000.00.15.H44", directory=NEW, province=PHU_THO)
    assert found == "UBND Phường Việt Trì"


def test_of_two_units_with_one_code_the_name_decides() -> None:
    twin = KnownUnit(portal_unit_id("twin"), "commune", "UBND xã Khác", "H44.106")
    both = (*NEW, twin)
    assert unit_of("Xã Khác", "commune", "H44.106", directory=both, province=PHU_THO) == "UBND xã Khác"
    line = refusal_of("x", "commune", "H44.106", directory=both, province=PHU_THO)
    assert line["rule"] == "unit_ambiguous"
    assert "UBND xã Khác (H44.106)" in line["message_vi"]


# --- by name ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("Xã Phước Hưng", "UBND xã Phước Hưng"),
        ("P. Phước Hưng", "UBND phường Phước Hưng"),
        ("xã Phước Hưng - huyện Long Điền", "UBND xã Phước Hưng"),
        ("Phước Hưng (Long Điền)", "UBND xã Phước Hưng"),
        ("Phước Hưng - TP. Bà Rịa", "UBND phường Phước Hưng"),
        ("Phước Hưng, thành phố Bà Rịa", "UBND phường Phước Hưng"),
        ("1. Phước Hưng – UBND huyện Long Điền", "UBND xã Phước Hưng"),
        ("xã Hòa Long", "UBND xã Hoà Long"),
        ("Tân Hải", "UBND xã Tân Hải"),
        ("TT. Ngãi Giao", "UBND thị trấn Ngãi Giao"),
        ("TT Ngãi Giao", "UBND thị trấn Ngãi Giao"),
        (unicodedata.normalize("NFD", "UBND xã Bưng Riềng"), "UBND xã Bưng Riềng"),
        ("xã Long Sơn - Tỉnh Bà Rịa - Vũng Tàu", "UBND xã Long Sơn"),
    ],
)
def test_a_commune_is_found_by_its_name(written: str, known: str) -> None:
    assert unit_of(written, "commune") == known


def test_phuoc_hung_exists_twice_and_is_not_guessed() -> None:
    line = refusal_of("Phước Hưng", "commune")
    assert (line["rule"], line["column_name"], line["value"]) == ("unit_ambiguous", "unit_name", "Phước Hưng")
    assert "UBND phường Phước Hưng (UBND thành phố Bà Rịa)" in line["message_vi"]
    assert "UBND xã Phước Hưng (UBND huyện Long Điền)" in line["message_vi"]
    assert "ghi thêm tên đơn vị cấp trên" in line["message_vi"]


def test_communes_of_one_name_are_told_apart_by_code_or_parent() -> None:
    twins = tuple(
        KnownUnit(portal_unit_id(f"twin {number}"), "commune", "UBND xã Sen Thắm", f"H44.30{number}", parent)
        for number, parent in enumerate(("UBND huyện A", "UBND huyện B"))
    )
    line = refusal_of("xã Sen Thắm", "commune", directory=twins, province=PHU_THO)
    assert line["rule"] == "unit_ambiguous"
    assert "(UBND huyện B - H44.301)" in line["message_vi"]
    assert "ghi mã định danh" in line["message_vi"]
    result = matched(
        ("xã Sen Thắm", "commune", "H44.301"),
        ("xã Sen Thắm - huyện A", "commune", None),
        directory=twins,
        province=PHU_THO,
    )
    assert result.rows["unit_code"].to_pylist() == ["H44.301", "H44.300"]


def test_a_code_in_brackets_behind_the_name_tells_namesakes_apart() -> None:
    twins = tuple(
        KnownUnit(portal_unit_id(code), "commune", "UBND xã Thóc Biếc", code)
        for code in ("H44.107", "H44.204")
    )
    found = matched(
        ("UBND xã Thóc Biếc (H44.204)", "commune", None),
        ("UBND xã Thóc Biếc - h44.107", "commune", None),
        ("UBND xã Thóc Biếc", "commune", None),
        ("UBND xã Thóc Biếc (H15.107)", "commune", None),
        directory=twins,
        province=PHU_THO,
    )
    assert found.rows["unit_code"].to_pylist() == ["H44.204", "H44.107"]
    assert found.rejected["rule"].to_pylist() == ["unit_ambiguous", "unit_unknown"]


def test_con_dao_is_a_district_that_has_no_communes() -> None:
    assert unit_of("Côn Đảo", "district") == "UBND huyện Côn Đảo"
    assert unit_of("H. Côn Đảo", None) == "UBND huyện Côn Đảo"
    line = refusal_of("Côn Đảo", "commune")
    assert line["rule"] == "unit_unknown"
    assert "khối cấp huyện" in line["message_vi"]


def test_a_name_is_looked_for_in_its_own_block_first_and_over_all_only_without_sections() -> None:
    assert unit_of("Long Điền", "district") == "UBND huyện Long Điền"
    assert unit_of("Long Điền", "commune") == "UBND thị trấn Long Điền"
    assert refusal_of("Long Điền", None)["rule"] == "unit_ambiguous"
    assert unit_of("huyện Long Điền", None) == "UBND huyện Long Điền"
    assert unit_of("xã Long Sơn", "district") is None


def test_a_changed_kind_is_another_unit() -> None:
    line = refusal_of("phường Long Sơn", "commune")
    assert line["rule"] == "unit_unknown"
    assert "có phải UBND xã Long Sơn" in line["message_vi"]
    assert unit_of("xã Phước Hưng - thị xã Long Điền", "commune") is None
    assert unit_of("Phước Hưng - thị xã Long Điền", "commune") is None


def test_the_land_office_is_found_in_either_of_its_blocks() -> None:
    name = "Văn phòng đăng ký đất đai tỉnh"
    result = matched((name, "land_office", None), directory=NEW, province=PHU_THO)
    assert result.rows.select(["unit_code", "block"]).to_pylist() == [
        {"unit_code": "H44.17", "block": "department"}
    ]
    branch = KnownUnit(portal_unit_id("branch"), "land_office", "Chi nhánh VPĐKĐĐ Việt Trì", None)
    written = "CN Văn phòng đăng ký đất đai Việt Trì"
    assert unit_of(written, "department", directory=(*NEW, branch), province=PHU_THO) == branch.name


def test_the_closest_known_name_is_told() -> None:
    line = refusal_of("xa Tan Hoa", "commune")
    assert "có phải UBND xã Tân Hoà (UBND thị xã Phú Mỹ)?" in line["message_vi"]
    assert "có phải" not in refusal_of("Người lập biểu", "commune")["message_vi"]


@pytest.mark.parametrize("name", [None, "", " ", "1.", "-", "UBND", "tỉnh Bà Rịa - Vũng Tàu", "xã", "( )"])
def test_a_name_that_says_nothing_finds_nothing(name: str | None) -> None:
    assert refusal_of(name, "commune")["rule"] == "unit_unknown"


def test_a_hostile_name_stays_text_and_is_clipped() -> None:
    line = refusal_of("{0} <script> " + "x" * 5_000, "commune")
    assert line["message_vi"].startswith("“{0} <script> xxx")
    assert len(line["message_vi"]) < 400


# --- below a sub-heading ------------------------------------------------------------------------


def below(parent: str, *rows: tuple[str, str | None], **others: Any) -> Matched:
    """Communes (name, code) below a row that names their district, matched."""
    table = table_of(
        [
            {
                "row_no": number,
                "unit_name": name,
                "block": "commune",
                "unit_code": code,
                "received": 7,
                "capture_sha256": "ab" * 32,
                "locator": f"'Biểu 1'!A{number}",
                "attributes": json.dumps({"parent": parent}, ensure_ascii=False),
            }
            for number, (name, code) in enumerate(rows, 1)
        ],
        UNIT_ROWS,
    )
    return match_units(table, others.get("directory", OLD), others.get("province", BRVT))


@pytest.mark.parametrize(
    ("parent", "known"),
    [
        ("Huyện Long Điền", "UBND xã Phước Hưng"),
        ("UBND HUYỆN LONG ĐIỀN", "UBND xã Phước Hưng"),
        ("H. Long Điền (07 xã, thị trấn)", "UBND xã Phước Hưng"),
        ("Huyện Long Điền - tỉnh Bà Rịa - Vũng Tàu", "UBND xã Phước Hưng"),
        ("TP Bà Rịa", "UBND phường Phước Hưng"),
        ("Thành phố Bà Rịa", "UBND phường Phước Hưng"),
    ],
)
def test_the_heading_over_namesakes_tells_them_apart(parent: str, known: str) -> None:
    (row,) = below(parent, ("Phước Hưng", None)).rows.to_pylist()
    (unit,) = [unit for unit in OLD if str(unit.unit_id) == row["unit_id"]]
    assert unit.name == known
    assert json.loads(row["attributes"]) == {"parent": unit.parent}


@pytest.mark.parametrize(
    ("parent", "name", "told"),
    [
        ("Huyện Châu Đức", "xã Long Sơn", "UBND xã Long Sơn thuộc UBND thành phố Vũng Tàu"),
        ("Huyện Châu Đức", "Phước Hưng", "UBND phường Phước Hưng thuộc UBND thành phố Bà Rịa; UBND xã"),
        ("Huyện Bà Rịa", "phường Phước Hưng", "thuộc UBND thành phố Bà Rịa"),
        ("Thành phố Bà Rịa", "Phước Hưng - huyện Long Điền", "UBND xã Phước Hưng thuộc UBND huyện Long Điền"),
        ("Huyện Không Có", "xã Long Sơn", "dưới dòng “Huyện Không Có”"),
    ],
)
def test_a_commune_of_another_district_is_refused(parent: str, name: str, told: str) -> None:
    result = below(parent, (name, None))
    assert result.rows.num_rows == 0
    (line,) = result.rejected.to_pylist()
    assert (line["rule"], line["column_name"], line["value"]) == ("unit_unknown", "unit_name", name)
    assert told in line["message_vi"]


def test_where_no_parent_is_known_a_heading_decides_nothing() -> None:
    result = below("Huyện Lâm Thao", ("xã Lâm Thao", None), directory=NEW, province=PHU_THO)
    assert result.rows["unit_code"].to_pylist() == ["H44.106"]
    assert result.rows["attributes"].to_pylist() == [None]  # nor is what nobody knows published
    assert result.rejected.num_rows == 0
    mixed = (*NEW, KnownUnit(portal_unit_id("b"), "commune", "UBND xã Lâm Thao", None, "UBND huyện B"))
    assert below("Huyện B", ("xã Lâm Thao", None), directory=mixed, province=PHU_THO).rows[
        "unit_id"
    ].to_pylist() == [str(portal_unit_id("b"))]


def test_a_code_outranks_the_heading() -> None:
    twins = tuple(
        KnownUnit(portal_unit_id(code), "commune", "UBND xã Sen Thắm", code, parent)
        for code, parent in (("H44.301", "UBND huyện A"), ("H44.302", "UBND huyện B"))
    )
    result = below(
        "Huyện A", ("xã Sen Thắm", "H44.302"), ("xã Sen Thắm", None), directory=twins, province=PHU_THO
    )
    assert result.rows["unit_code"].to_pylist() == ["H44.302", "H44.301"]


# --- the table --------------------------------------------------------------------------------


def test_a_unit_that_comes_twice_is_refused_every_time() -> None:
    result = matched(
        ("xã Long Sơn", "commune", None),
        ("xã Tân Hải", "commune", None),
        ("UBND Xã Long Sơn", "commune", None),
    )
    assert result.rows["unit_name"].to_pylist() == ["xã Tân Hải"]
    assert result.rejected["rule"].to_pylist() == ["unit_repeated"] * 2
    for line in result.rejected.to_pylist():
        assert "2 lần" in line["message_vi"]
        assert "'Biểu 1'!A1, 'Biểu 1'!A3" in line["message_vi"]


def test_refused_rows_keep_their_place_and_what_was_read() -> None:
    result = matched(("Ai đó", "commune", None), ("xã Long Sơn", "commune", None), (None, None, "H99.1"))
    assert result.rejected.schema == REJECTED
    assert result.rejected["locator"].to_pylist() == ["'Biểu 1'!A1", "'Biểu 1'!A3"]
    assert result.rejected["severity"].to_pylist() == ["fail", "fail"]
    assert json.loads(result.rejected["row_data"][0].as_py())["received"] == 7
    (row,) = result.rows.to_pylist()
    assert (row["received"], row["resolved"], row["row_no"]) == (7, None, 2)


def test_rows_found_and_refused_are_all_the_rows() -> None:
    names = [unit.name for unit in OLD] + ["Phước Hưng", "Không có", None]
    result = matched(*((name, None, None) for name in names))
    assert result.rows.num_rows == len(OLD)
    assert result.rejected.num_rows == 3
    assert result.rows["unit_id"].to_pylist() == [str(unit.unit_id) for unit in OLD]


def test_no_rows_are_no_rows() -> None:
    result = match_units(UNIT_ROWS.empty_table(), OLD, BRVT)
    assert (result.rows, result.rejected) == (MATCHED_ROWS.empty_table(), REJECTED.empty_table())
    assert isinstance(result.rows, pa.Table)


def test_an_empty_directory_refuses_the_file() -> None:
    with pytest.raises(FileRefused) as caught:
        match_units(UNIT_ROWS.empty_table(), (), BRVT)
    assert caught.value.rule == "units.none_known"
    assert "Cổng" in caught.value.remedy_vi
    assert "danh mục đơn vị" in caught.value.remedy_vi


def test_names_agree_beyond_spelling_and_a_parent_behind() -> None:
    assert names_agree("xã Hòa Long - TP Bà Rịa", "UBND xã Hoà Long", BRVT)
    assert names_agree("Hoà Long", "UBND xã Hoà Long", BRVT)
    assert not names_agree("phường Hoà Long", "UBND xã Hoà Long", BRVT)
    assert not names_agree("", "UBND xã Hoà Long", BRVT)
