"""The contestants of ``render_release.py``, run as ``render_contestants.py NAME-KIND HOME``.

Imports stand inside, so that each pays for its own only.
"""

from __future__ import annotations

import csv
import io
import os
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from child import Stopwatch, report


def product(home: Path, kind: str) -> None:
    """The product's renderers one by one, as ``etl.deliver.release`` calls them; then both sets built as drafts."""
    watch = Stopwatch()
    with watch.phase("import"):
        from contest import settings_of
        from render_release import NOW, REPORTS

        from etl import release_stages
        from etl.deliver.appendix import render_appendix
        from etl.deliver.appendix_words import ProvinceNames
        from etl.deliver.digitization import render_digitization
        from etl.deliver.letter import render_letter
        from etl.deliver.open_data import render_open_data
        from etl.deliver.page import render_page
        from etl.deliver.quality_sheet import render_quality_sheet
        from etl.deliver.report_load import Wanted, as_known, current_publication, load_report
        from etl.periods import Period, window_of
        from etl.reference.provinces import find_province
        from etl.sources.digitization_form.layouts import load_templates, template_in_force
        from etl.warehouse.engine import open_warehouse
    settings = settings_of(home)
    warehouse = open_warehouse(settings)
    province = find_province((home / "province").read_text(encoding="utf-8"))
    period_id, portal_periods = REPORTS[kind]
    period = Period.parse(period_id)
    wanted = Wanted(
        province_code=province.code,
        names=ProvinceNames(province=province.name, office=province.office),
        period=period,
        portal_period=Period.parse(portal_periods[-1]),
        window=window_of(period),
        stage="final",
        due_at=NOW,
        gaps=(),
    )
    with watch.phase("read"), as_known(warehouse, current_publication(warehouse)) as connection:
        told = load_report(connection, wanted)
    if told.digitization is None:
        raise SystemExit("no digitization figures were made ready")
    with watch.phase("form"):
        template = template_in_force(wanted.window.last, load_templates(None))
        documents = [render_digitization(told.digitization, told.names, template)]
    for name, render in (
        ("letter", render_letter),
        ("appendix", lambda whole: render_appendix(whole.indicators, whole.names)),
        ("page", render_page),
        ("quality", render_quality_sheet),
    ):
        with watch.phase(name):
            documents.append(render(told))
    with watch.phase("open_data"):
        package = render_open_data(told)
    job = {"province": province.slug, "period": period_id, "stage": "final", "asked": True}
    with watch.phase("build"):
        for name in ("so-hoa", "bao-cao"):
            if not release_stages.build_release(settings, job | {"set": name}, lambda: NOW)["release_id"]:
                raise SystemExit(f"{name} of {period_id} was not built")
    tables = {name: package[f"{name}.csv"] for name in _TABLES}
    size = sum(map(len, documents)) + sum(map(len, package.values()))
    report(watch, **_facts(tables), output_mb=round(size / 1024**2, 1))


def plain(home: Path, kind: str) -> None:
    """One script: the views as data frames; to_excel, to_html, to_csv, to_json, and a table in a document."""
    watch = Stopwatch()
    with watch.phase("import"):
        import docx
        import openpyxl  # noqa: F401 - what to_excel loads at its first call
        import pandas as pd
        from render_release import REPORTS
        from sqlalchemy import create_engine, text

        from etl.reference.provinces import find_province
    code = find_province((home / "province").read_text(encoding="utf-8")).code
    period, portal_periods = REPORTS[kind]
    out = home / f"plain-{kind}"
    out.mkdir(exist_ok=True)
    frames: dict[str, Any] = {}
    with watch.phase("read"):
        engine = create_engine(os.environ["BENCH_URL"].replace("postgresql://", "postgresql+psycopg://"))
        keys = {"code": code, "period": period, "portal": portal_periods[-1], "periods": list(portal_periods)}
        with engine.connect() as connection:
            for name, query in _TABLES.items():
                frame = pd.read_sql(text(query), connection, params=keys)
                frames[name] = frame.select_dtypes(exclude="datetimetz")  # to_excel refuses them
    units, blocks = frames["chi_so_don_vi"], frames["so_hoa_khoi"]
    with watch.phase("form"), pd.ExcelWriter(out / "bieu-so-hoa.xlsx", engine="openpyxl") as book:
        for name in ("so_hoa", "so_hoa_khoi"):
            frames[name].to_excel(book, sheet_name=name, index=False)
        pd.read_sql(_COMPARED, engine, params=(code, period)).to_excel(
            book, sheet_name="doi_chieu", index=False
        )
    with watch.phase("appendix"), pd.ExcelWriter(out / "phu-luc.xlsx", engine="openpyxl") as book:
        for block, rows in units.groupby("block"):
            rows.to_excel(book, sheet_name=str(block), index=False)
        own = frames["chi_so_thanh_phan"]
        own[own["block"] == "province"].to_excel(book, sheet_name="toan_tinh", index=False)
    with watch.phase("letter"):
        letter = docx.Document()
        (total,) = units[units["block"] == "province"]["total"]
        letter.add_paragraph(f"Tổng điểm: {total}")
        for frame in (units[units["block"] == "province"].T.reset_index(), blocks):
            grid = letter.add_table(rows=1, cols=frame.shape[1])
            for cell, heading in zip(grid.rows[0].cells, frame.columns, strict=True):
                cell.text = str(heading)
            for row in frame.itertuples(index=False):
                for cell, value in zip(grid.add_row().cells, row, strict=True):
                    cell.text = str(value)
        letter.save(str(out / "bao-cao.docx"))
    with watch.phase("page"):
        shown = ("chi_so_don_vi", "xep_hang_tinh", "so_hoa", "so_hoa_khoi")
        tables = "".join(frames[name].to_html(index=False) for name in shown)
        own_table = own[own["block"] == "province"].to_html(index=False)
        (out / "cong-khai.html").write_text(
            f"<html><body>{tables}{own_table}</body></html>", encoding="utf-8"
        )
    with watch.phase("quality"):
        checks = pd.read_sql(_QUALITY, engine, params=(code, period, portal_periods[-1]))
        checks.to_html(out / "chat-luong.html", index=False)
    with watch.phase("open_data"):
        for name, frame in frames.items():
            frame.to_csv(out / f"{name}.csv", index=False)
            frame.to_json(out / f"{name}.json", orient="records", force_ascii=False, default_handler=str)
    size = sum(path.stat().st_size for path in out.iterdir())
    written = {name: (out / f"{name}.csv").read_bytes() for name in _TABLES}
    report(watch, **_facts(written), output_mb=round(size / 1024**2, 1))


# The same figures, by the names the product's package has; every contestant writes them as CSV.
_TABLES = {
    "chi_so_don_vi": "SELECT * FROM mart.unit_scorecard WHERE province_code = :code AND period_id = :portal",
    "chi_so_thanh_phan": "SELECT * FROM mart.indicator_scores WHERE province_code = :code AND period_id = :portal"
    " AND (block = 'province' OR level = 'component' AND NOT inherited)",
    "xep_hang_tinh": "SELECT * FROM mart.province_ranking WHERE period_id = :portal ORDER BY rank",
    "so_hoa": "SELECT * FROM mart.digitization WHERE province_code = :code AND period_id = :period"
    " AND window_kind = 'administrative'",
    "so_hoa_khoi": "SELECT * FROM mart.digitization_totals WHERE province_code = :code AND period_id = :period"
    " AND window_kind = 'administrative'",
    "xu_huong": "SELECT * FROM mart.unit_scorecard WHERE province_code = :code AND block = 'province'"
    " AND period_id = ANY(:periods)",
}
_COMPARED = (
    "SELECT * FROM mart.digitization_reconciliation WHERE province_code = %s AND period_id = %s"
    " AND window_kind = 'administrative'"
)
_QUALITY = "SELECT * FROM mart.data_quality WHERE province_code = %s AND period_id IN (%s, %s)"


def _facts(tables: dict[str, bytes]) -> dict[str, Any]:
    """What the written CSV files say: both contestants must have told of the same figures."""
    rows = {
        name: list(csv.DictReader(io.StringIO(text.decode("utf-8-sig")))) for name, text in tables.items()
    }

    def summed(name: str, column: str) -> str:
        # Two decimals: one of them writes floats.
        return f"{sum(Decimal(row[column]) for row in rows[name] if row[column]):.2f}"

    return {
        "units": len(rows["chi_so_don_vi"]),
        "sum_of_totals": summed("chi_so_don_vi", "total"),
        "components": len(rows["chi_so_thanh_phan"]),
        "sum_of_scores": summed("chi_so_thanh_phan", "score"),
        "sum_of_received": summed("so_hoa", "received"),
        "provinces": len(rows["xep_hang_tinh"]),
    }


if __name__ == "__main__":
    contestant, _, of = sys.argv[1].partition("-")
    {"product": product, "plain": plain}[contestant](Path(sys.argv[2]), of)
