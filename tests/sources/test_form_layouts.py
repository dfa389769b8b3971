from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from etl.errors import Terminal, UnknownName
from etl.sources.digitization import MEASURES
from etl.sources.digitization_form.layouts import (
    Template,
    form_columns,
    load_foreign_forms,
    load_templates,
    template_files,
    template_in_force,
)

SHIPPED = load_templates()


def _layout(folder: Path, name: str = "phu_tho.yml", **keys: object) -> Path:
    body = {
        "form_id": "so_hoa_10_cot",
        "edition": 2,
        "extends": "so_hoa_10_cot@1",
        "valid_from": "2026-10-01",
    }
    path = folder / name
    path.write_text(yaml.safe_dump({**body, **keys}, allow_unicode=True), encoding="utf-8")
    return path


def test_the_shipped_layouts_are_whole() -> None:
    assert [item.layout for item in SHIPPED] == ["igate_json@1", "so_hoa_10_cot@1", "so_hoa_14_cot@1"]
    assert template_in_force(date(2026, 9, 14), SHIPPED).form_id == "so_hoa_10_cot"
    for form in ("so_hoa_10_cot", "so_hoa_14_cot"):
        template = template_in_force(date(2026, 9, 14), SHIPPED, form)
        assert [column.measure for column in template.columns if column.measure] == list(MEASURES)
    assert [foreign.form for foreign in load_foreign_forms()] == ["06/VPCP"]


def test_columns_nine_and_ten_of_the_default_are_the_results() -> None:
    rows = {row["column_no"]: row for row in form_columns(SHIPPED) if row["is_default"]}
    assert list(rows) == list(range(1, 11))
    assert (rows[9]["measure"], rows[10]["measure"]) == ("results_not_digitized", "results_digitized")
    assert rows[9]["header"] == "Số hóa kết quả giải quyết: Chưa số hóa"
    assert (rows[2]["measure"], rows[2]["unit"], rows[3]["unit"]) == (None, None, "count")
    assert rows[9]["target_pct"] == Decimal(80)


def test_rates_are_percent_and_no_measure() -> None:
    rows = {row["column_no"]: row for row in form_columns(SHIPPED) if row["form_id"] == "so_hoa_14_cot"}
    assert len(rows) == 14
    assert [(rows[n]["unit"], rows[n]["measure"]) for n in (6, 9, 13)] == [("percent", None)] * 3
    assert rows[10]["measure"] == "resolved"


def test_a_province_adds_an_edition_with_a_few_words_of_its_own(tmp_path: Path) -> None:
    _layout(
        tmp_path,
        more_headers={9: [["Số hóa kết quả giải quyết", "Kết quả bản giấy"]]},
        more_sections={"commune": ["Xã và phường"]},
    )
    templates = load_templates(tmp_path)
    newer = template_in_force(date(2026, 10, 14), templates)
    assert newer.layout == "so_hoa_10_cot@2"
    assert newer.by_key[newer.fold("Số hóa KẾT QUẢ giải quyết: kết quả bản giấy")].column_no == 9
    assert "Xã và phường" in newer.sections["commune"]
    assert template_in_force(date(2026, 9, 14), templates).layout == "so_hoa_10_cot@1"
    assert template_files(tmp_path)[-1].name == "phu_tho.yml"


def test_a_province_replaces_a_shipped_edition(tmp_path: Path) -> None:
    _layout(tmp_path, edition=1, valid_from="2022-01-01", target_pct=90)
    templates = load_templates(tmp_path)
    assert len(templates) == len(SHIPPED)
    assert template_in_force(date(2026, 9, 14), templates).target_pct == 90


def test_no_layout_in_force_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"31/12/2021"):
        template_in_force(date(2021, 12, 31), SHIPPED)
    with pytest.raises(UnknownName, match="nobody"):
        template_in_force(date(2026, 9, 14), SHIPPED, "nobody")


_STRAY = {"column_no": 30, "headers": ["Cột lạ"]}


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"titel": "x"}, "titel"),
        ({"edition": 0}, "edition"),
        ({"valid_to": "2020-01-01"}, "valid_to"),
        ({"extends": "nothing@1"}, "extends"),
        ({"more_headers": {77: ["x"]}}, "more_headers"),
        ({"more_headers": ["x"]}, "more_headers"),
        ({"more_sections": {"planet": ["x"]}}, "planet"),
        ({"more_sections": {"commune": ["Sở, ban, ngành"]}}, "sections"),
        ({"more_headers": {9: ["Tiếp nhận"]}}, "headers"),
        ({"more_headers": {9: [[]]}}, "headers"),
        ({"dash": "maybe"}, "dash"),
        ({"target_pct": 101}, "target_pct"),
        ({"format": "json"}, "json_shape"),
        ({"windows": [{"kind": "month", "pattern": "tháng"}]}, "windows.0"),
        ({"windows": [{"kind": "month", "pattern": "("}]}, "windows.0"),
        ({"columns": [{**_STRAY, "measure": "beauty"}]}, "beauty"),
        ({"columns": [{**_STRAY}]}, "columns.0"),
        ({"columns": [{**_STRAY, "measure": "received", "unit": "percent"}]}, "columns.0"),
        ({"columns": [{**_STRAY, "role": "rate"}]}, "columns.0"),
        (
            {
                "columns": [
                    {**_STRAY, "role": "rate", "rate": {"name": "r", "numerator": "x", "denominator": []}}
                ]
            },
            "columns.0.rate",
        ),
        ({"columns": [{**_STRAY, "measure": "received"}]}, "exactly one has the role unit"),
        ({"columns": [{**_STRAY, "role": "unit"}]}, "measure"),
        ({"columns": [{**_STRAY, "role": "unit"}, {**_STRAY, "measure": "received"}]}, "column_no"),
        ({"valid_from": "2022-01-01"}, "default"),
    ],
)
def test_a_mistake_is_named_by_file_and_key(tmp_path: Path, keys: dict[str, object], key: str) -> None:
    _layout(tmp_path, **keys)
    with pytest.raises(Terminal) as caught:
        load_templates(tmp_path)
    assert key in caught.value.message
    if key != "default":  # two files are at odds there: their layouts are named
        assert "phu_tho.yml" in caught.value.message


def test_more_words_need_a_layout_to_add_them_to(tmp_path: Path) -> None:
    (tmp_path / "own.yml").write_text("form_id: own\nmore_sections: {commune: [x]}\n", encoding="utf-8")
    with pytest.raises(Terminal, match=r"own\.yml: more_headers, more_sections"):
        load_templates(tmp_path)


def test_one_edition_is_written_once(tmp_path: Path) -> None:
    _layout(tmp_path, "a.yml")
    _layout(tmp_path, "b.yml")
    with pytest.raises(Terminal, match=r"b\.yml.*so_hoa_10_cot@2.*a\.yml"):
        load_templates(tmp_path)


@pytest.mark.parametrize("content", [b"- a list", b"\xff\xfe", b"a: [", b"a: b: c"])
def test_a_file_that_is_no_mapping_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.yml").write_bytes(content)
    with pytest.raises(Terminal, match=r"bad\.yml"):
        load_templates(tmp_path)


def test_spelling_of_a_header_does_not_matter() -> None:
    template: Template = template_in_force(date(2026, 9, 14), SHIPPED)
    for text in ("SỐ HOÁ KẾT QUẢ\nGIẢI QUYẾT:  Đã số hóa", "Số hóa KQ  giải quyết – đã số hoá"):
        assert template.by_key[template.fold(text)].column_no == 10
