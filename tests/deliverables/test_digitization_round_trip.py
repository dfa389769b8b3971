"""A form we wrote is read back with the same numbers; the guide's good form is read, its bad one is not."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from digitization_cases import COMMUNES, DEPARTMENTS, file, rendered, total, unit

from etl.deliver.digitization_words import WHOLE_PROVINCE
from etl.errors import FileRefused
from etl.inbox.guard import inspect_file
from etl.inbox.limits import Limits
from etl.periods import ADMINISTRATIVE, CALENDAR, Period, Window, window_of
from etl.reference.provinces import find_province
from etl.sources.digitization import MEASURES, DigitizationReading
from etl.sources.digitization_form.layouts import load_templates
from etl.sources.digitization_form.read import read_form

GUIDE = Path(__file__).parents[2] / "docs" / "van-phong"
# Names that are no names are another test's matter.
UNITS = {
    "department": DEPARTMENTS,
    "commune": {
        name: values for name, values in COMMUNES.items() if name.startswith("UBND") and "\x00" not in name
    },
}


def read(path: Path) -> DigitizationReading:
    inspected = inspect_file(path, Limits())
    return read_form(
        path,
        inspected,
        province=find_province("phu_tho"),
        capture_id="00000000-0000-5000-8000-000000000001",
        capture_sha256=inspected.sha256,
        templates=load_templates(),
        calendar=ADMINISTRATIVE,
    )


def figures(reading: DigitizationReading) -> dict[tuple[str, str], tuple[int | None, ...]]:
    return {
        (row["block"], row["unit_name"]): tuple(row[measure] for measure in MEASURES)
        for row in reading.units.to_pylist()
    }


@pytest.mark.parametrize("template", ["so_hoa_10_cot@1", "so_hoa_14_cot@1"])
@pytest.mark.parametrize(
    "window",
    [
        window_of(Period.parse("2026-09")),
        window_of(Period.parse("2026-08"), CALENDAR),
        window_of(Period.parse("2026-Q3")),
        window_of(Period.parse("2026")),
    ],
    ids=lambda window: f"{window.period.id} {window.kind}",
)
def test_what_we_write_we_read_with_the_same_numbers(template: str, window: Window, tmp_path: Path) -> None:
    path = tmp_path / "form.xlsx"
    given = {(block, name): values for block, names in UNITS.items() for name, values in names.items()}
    path.write_bytes(
        rendered(
            template,
            window=window,
            units=tuple(unit(block, name, values) for (block, name), values in given.items()),
            totals=(
                *(total(block, list(names.values()), len(names)) for block, names in UNITS.items()),
                total(WHOLE_PROVINCE, list(given.values()), len(given)),
            ),
        )
    )
    reading = read(path)
    assert figures(reading) == {key: tuple(values) for key, values in given.items()}
    assert (reading.first, reading.last) == (window.first, window.last)
    assert reading.layout == template
    assert reading.rows_quarantined == 0
    assert reading.rows_read == len(given) + reading.rows_ignored
    assert not reading.is_sample
    stated = {row["block"]: tuple(row[m] for m in MEASURES) for row in reading.totals.to_pylist()}
    for block, names in UNITS.items():
        expected = total(block, list(names.values()), len(names)).measures
        assert stated[block] == tuple(expected[measure] for measure in MEASURES)
    assert None in stated, "the province's total is stated too"


def test_a_sample_is_read_as_one(tmp_path: Path) -> None:
    path = tmp_path / "form.xlsx"
    path.write_bytes(rendered(files=(file(address="http://127.0.0.1/so-lieu-mau"),)))
    assert read(path).is_sample


# ------------------------------------------------------------------ the guide for offices


@pytest.fixture(scope="module")
def pictures() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_pictures", GUIDE / "build_pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_guides_good_form_is_read(pictures: ModuleType, tmp_path: Path) -> None:
    pictures.form(tmp_path / "good.xlsx", good=True)
    reading = read(tmp_path / "good.xlsx")
    assert figures(reading) == {
        **{("department", name): values for name, values in pictures.DEPARTMENTS.items()},
        **{("commune", name): values for name, values in pictures.COMMUNES.items()},
    }
    assert reading.rows_quarantined == 0


def test_the_guides_bad_form_is_refused(pictures: ModuleType, tmp_path: Path) -> None:
    pictures.form(tmp_path / "bad.xlsx", good=False)
    with pytest.raises(FileRefused) as caught:
        read(tmp_path / "bad.xlsx")
    assert caught.value.rule.startswith(("layout.", "period."))


def test_the_guide_has_its_pictures_and_they_are_small() -> None:
    page = (GUIDE / "nop-bieu-so-hoa.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^\]]{20,}\]\(([^)]+)\)", page)
    assert len(shown) == 3
    for name in shown:
        content = (GUIDE / name).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) < 200_000
