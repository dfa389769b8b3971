"""A folder of sample files that a person can hand in: right ones, and some that must be refused."""

from __future__ import annotations

from pathlib import Path

from etl.periods import Period, window_of
from etl.reference.provinces import Province
from etl.sandbox.sample_form_layouts import Drift
from etl.sandbox.sample_forms import write_form
from etl.sandbox.sample_list_faults import Faults
from etl.sandbox.sample_lists import PORTAL_SIDE, write_dossier_list

# What is wrong with the provincial list, and how the portal's differs from it.
_FAULTS = Faults(
    bad_code=2,
    unknown_status=1,
    unparsable_date=2,
    finished_before_received=1,
    unknown_unit=1,
    duplicate=3,
)
_DIFFERENCES = Faults(
    missing_on_portal=4,
    missing_in_province=3,
    differing={"status": 2, "components_digitized": 3, "result_digitized": 3},
)


def write_samples(
    folder: Path, province: Province, period: Period, *, seed: int = 766, list_scale: float = 0.02
) -> list[Path]:
    """Write sample files of a period (its days from the 15th to the 14th) and return their paths.

    A good form, one with a wrong total, one with columns (9), (10) swapped, form 06/VPCP sent by
    mistake; and for a province of today's portal a good dossier list, one with faults, and the
    portal's list of the same dossiers. Lists hold ``list_scale`` of the dossiers, so that they
    are quick to try; only at 1 do they add up to the form. Existing files are replaced.
    """
    window = window_of(period)
    forms = (
        ("bieu-so-hoa", None),
        ("bieu-so-hoa-sai-tong", Drift.WRONG_TOTAL),
        ("bieu-so-hoa-dao-cot-9-10", Drift.SWAPPED_9_10),
        ("bieu-06-vpcp-gui-nham", Drift.FORM_06_VPCP),
    )
    written = [
        write_form(folder / f"{name}-{period.id}.xlsx", province, window, seed=seed, drift=drift).path
        for name, drift in forms
    ]
    if province.portal_id is None:
        # Nobody has announced codes for its units: a list of theirs could not be matched.
        return written
    lists = (
        ("danh-sach-ho-so", "province", None),
        ("danh-sach-ho-so-co-loi", "province", _FAULTS),
        ("danh-sach-ho-so-cong-dvcqg", PORTAL_SIDE, _DIFFERENCES),
    )
    return written + [
        write_dossier_list(
            folder / f"{name}-{period.id}.csv",
            province,
            window,
            seed=seed,
            scale=list_scale,
            side=side,
            faults=faults,
            encoding="utf-8-sig",
        ).path
        for name, side, faults in lists
    ]
