"""The appendix workbook as a file in the deliverables folder."""

from __future__ import annotations

from pathlib import Path

from etl.deliver.appendix import render_appendix
from etl.deliver.appendix_load import load_appendix
from etl.deliver.appendix_words import ProvinceNames
from etl.deliver.sheet_conventions import WorkbookStyle
from etl.periods import Period
from etl.reference.provinces import Province
from etl.warehouse.engine import Warehouse


def write_appendix(
    warehouse: Warehouse,
    province: Province,
    period: Period,
    folder: Path,
    *,
    style: WorkbookStyle | None = None,
) -> Path:
    """Render and write ``<folder>/<province>/<period>/phu-luc-bo-chi-so-<period>.xlsx``.

    The file is whole or not there. Raises ReportNotReady as ``load_appendix`` does.
    """
    with warehouse.connect("analyst") as connection:
        data = load_appendix(connection, province.code, period)
    content = render_appendix(
        data, ProvinceNames(province=province.name, office=province.office), style=style
    )
    path = folder / province.slug / period.id / f"phu-luc-bo-chi-so-{period.id}.xlsx"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    temporary.write_bytes(content)
    temporary.replace(path)
    return path
