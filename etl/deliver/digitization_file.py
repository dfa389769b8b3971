"""The digitization workbook as a file in the deliverables folder."""

from __future__ import annotations

from pathlib import Path

from etl.deliver.appendix_words import ProvinceNames
from etl.deliver.digitization import render_digitization
from etl.deliver.digitization_data import load_digitization
from etl.deliver.sheet_conventions import WorkbookStyle
from etl.periods import CALENDAR, Window
from etl.reference.provinces import Province
from etl.sources.digitization_form.layouts import load_templates, template_in_force
from etl.warehouse.engine import Warehouse


def write_digitization(
    warehouse: Warehouse,
    province: Province,
    window: Window,
    folder: Path,
    *,
    forms_dir: Path | None = None,
    style: WorkbookStyle | None = None,
) -> Path:
    """Render and write ``<folder>/<province>/<period>/bieu-so-hoa-<period>.xlsx``.

    A window of the calendar's own days gets ``-duong-lich`` at the end of its name: both may exist for
    one period. The layout is the default one in force on the window's last day, ``forms_dir`` holding the
    province's own. The file is whole or not there. Raises ReportNotReady as ``load_digitization`` does,
    UnknownName when no layout is in force.
    """
    template = template_in_force(window.last, load_templates(forms_dir))
    with warehouse.connect("analyst") as connection:
        data = load_digitization(connection, province.code, window)
    content = render_digitization(
        data, ProvinceNames(province=province.name, office=province.office), template, style=style
    )
    ending = "-duong-lich" if window.kind == CALENDAR else ""
    path = folder / province.slug / window.period.id / f"bieu-so-hoa-{window.period.id}{ending}.xlsx"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    temporary.write_bytes(content)
    temporary.replace(path)
    return path
