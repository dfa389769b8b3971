"""One contestant of the dossier-list benchmark, in a process of its own: ``script name file out``.

``product`` reads the list as the inbox does. ``pandas`` and ``openpyxl`` do the same checks with the same
results as an office's script would: everything as text, one mask a rule. ``polars`` and ``polars_text`` only
read the file.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from child import Stopwatch, report

RECEIVED_AT = "2026-11-01T08:00:00+07:00"
_TITLE_ROWS = 2
_COUNTED = (2, 4, 5, 6, 7, 8, 9, 10)


def digest(parts: Iterable[object]) -> str:
    """What two contestants must agree on, whatever its size."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]


class Office:
    """A warehouse of its own, made ready, with the list's units announced: what a running installation has."""

    def __init__(self, home: Path, units: Iterable[str]) -> None:
        import great_expectations  # noqa: F401  its import (5 s) is paid once a process, not once a file

        from etl.settings import Settings
        from etl.stages import ready_warehouse

        lines = [
            "province_code,block,gso_code,name,parent_gso_code,valid_from,valid_to,unit_code",
            *(f"H44,department,,Đơn vị {code},,2020-01-01,,{code}" for code in units),
        ]
        (home / "provinces").mkdir(parents=True)
        (home / "provinces" / "units_bench.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.settings = Settings(home=home)
        self.warehouse = ready_warehouse(self.settings)

    def publish(self, reading: Any, path: Path) -> int:
        """Match the units, judge, publish: what happens after the reading. Returns units published."""
        from datetime import datetime

        from etl.archive import Archive
        from etl.inbox.claim import Claim
        from etl.inbox.examine import bundle_of, judge_reading
        from etl.reference.provinces import find_province
        from etl.warehouse.publish import publish
        from etl.warehouse.staging import build_digitization_load

        at, province = datetime.fromisoformat(RECEIVED_AT), find_province("phu_tho")
        verdict = judge_reading(self.settings, self.warehouse, reading, province, at)
        if verdict.state == "failed":
            raise SystemExit(f"the list was refused: {verdict.failures()}")
        claim = Claim(path, path.name, "0" * 64, path.stat().st_size, "phu_tho", at, False)
        bundle = bundle_of(Archive(self.settings.archive_dir), claim, province, reading, verdict)
        verdict = verdict.of_capture(str(bundle.captures[0].capture_id))
        if not publish(self.warehouse, build_digitization_load(bundle, verdict)).new:
            raise SystemExit("nothing was published")
        return int(verdict.good.num_rows)

    def close(self) -> None:
        from etl.warehouse.embedded import stop_running

        stop_running(self.settings.home)


def product(path: Path, out: Path, watch: Stopwatch) -> dict[str, Any]:
    with watch.phase("import"):
        from datetime import datetime

        import polars as pl
        from dossier_list_data import UNITS

        from etl.inbox.inspected import Inspected, SheetFacts
        from etl.reference.provinces import find_province
        from etl.sources.dossier_list.read import read_list
    sheets = (SheetFacts("Danh sách", True, 0, 15),) if path.suffix == ".xlsx" else ()
    kind = "xlsx" if sheets else "csv"
    with watch.phase("read"):
        reading = read_list(
            path,
            Inspected(kind, path.stat().st_size, "0" * 64, None if sheets else "utf-8", sheets),
            province=find_province("phu_tho"),
            known_units={code: (code, "department") for code in UNITS},
            capture_id="bench",
            capture_sha256="0" * 64,
            received_at=datetime.fromisoformat(RECEIVED_AT),
            window=None,
            calendar="administrative",
            out=out,
        )
        reading.save(out)
    with watch.phase("prepare"):
        office = Office(out / "home", UNITS)
    try:
        with watch.phase("publish"):
            published = office.publish(reading, path)
    finally:
        office.close()
    refused = pl.DataFrame(reading.rejected).select(
        pl.col("rule"), pl.col("locator").str.slice(4).cast(pl.Int64).alias("row")
    )
    counts = zip(
        reading.rule_counts["rule"].to_pylist(), reading.rule_counts["rows"].to_pylist(), strict=True
    )
    fails = set(refused["rule"])
    names = ("unit_code", *_measures())
    return {
        "rows": reading.rows_read,
        "published_units": published,
        "dossiers": reading.dossiers,
        "quarantined": reading.rows_quarantined,
        "rules": {rule: rows for rule, rows in sorted(counts) if rule in fails},
        "refused": digest(sorted(refused.rows())),
        "form": digest(zip(*(reading.units[name].to_pylist() for name in names), strict=True)),
    }


def polars(path: Path, out: Path, watch: Stopwatch) -> dict[str, Any]:
    with watch.phase("import"):
        import polars as pl
    with watch.phase("read"):
        frame = pl.read_csv(path, skip_lines=_TITLE_ROWS, ignore_errors=True)
    return {"rows": frame.height}


def polars_text(path: Path, out: Path, watch: Stopwatch) -> dict[str, Any]:
    with watch.phase("import"):
        import polars as pl
    with watch.phase("read"):
        frame = pl.read_csv(path, skip_lines=_TITLE_ROWS, infer_schema=False)
    return {"rows": frame.height}


def pandas(path: Path, out: Path, watch: Stopwatch) -> dict[str, Any]:
    with watch.phase("import"):
        import pandas as pd
    with watch.phase("read"):
        frame = pd.read_csv(path, dtype=str, skiprows=_TITLE_ROWS)
        return _checked(frame)


def openpyxl(path: Path, out: Path, watch: Stopwatch) -> dict[str, Any]:
    # With defusedxml installed openpyxl takes it, and twice the time: the baseline does without.
    sys.modules["defusedxml"] = None  # type: ignore[assignment]
    with watch.phase("import"):
        import openpyxl.xml
        import pandas as pd

        if openpyxl.xml.DEFUSEDXML:
            raise SystemExit("openpyxl found defusedxml although it was hidden")
    with watch.phase("read"):
        frame = pd.read_excel(path, dtype=str, header=_TITLE_ROWS, engine="openpyxl")
        return _checked(frame)


def _measures() -> tuple[str, ...]:
    from etl.sources.digitization import MEASURES

    return MEASURES


def _checked(frame: Any) -> dict[str, Any]:
    """All row rules of expectations/rows/dossier_list.yml that the planted faults can meet, in pandas."""
    import pandas as pd
    from dossier_list_data import PROVINCE, UNITS

    now = pd.Timestamp("2026-11-01 08:00:00")
    frame = frame.rename(columns=_FIELDS)[list(_FIELDS.values())]
    first_row = _TITLE_ROWS + 2
    row = pd.Series(range(first_row, first_row + len(frame)), index=frame.index)
    parts = frame["code"].str.extract(r"^([A-Z]\d{2}(?:\.\d{1,4})*)-(\d{6})-\d{1,10}$")
    day = pd.to_datetime(parts[1], format="%y%m%d", errors="coerce")
    formed, ours, known = day.notna(), parts[0].str.split(".").str[0] == PROVINCE, parts[0].isin(UNITS)
    status = pd.to_numeric(frame["status"], errors="coerce")
    status = status.where(status.between(1, 10))
    moments = {
        name: pd.to_datetime(frame[name], format="%d/%m/%Y %H:%M:%S", errors="coerce")
        for name in ("received", "due", "finished")
    }
    flags = {name: frame[name].map({"1": True, "0": False}) for name in _FLAGS}
    counted, resolved = status.isin(_COUNTED), status.isin((7, 9, 10))
    broken = {
        "code_missing": frame["code"].isna(),
        "code_format": frame["code"].notna() & ~formed,
        "code_province": parts[0].notna() & ~ours,
        "code_day_in_future": formed & (day > now),
        "unit_unknown": parts[0].notna() & ours & ~known,
        "status_missing": frame["status"].isna(),
        "status_unknown": frame["status"].notna() & status.isna(),
        "received_missing": counted & frame["received"].isna(),
        "received_in_future": moments["received"] > now,
        "finished_missing": resolved & frame["finished"].isna(),
        "finished_before_received": moments["finished"] < moments["received"],
        "finished_in_future": moments["finished"] > now,
        "channel_unknown": frame["channel"].notna() & ~frame["channel"].isin(("1", "2", "3")),
        "reused_implies_digitized": (flags["components_reused"] == True)  # noqa: E712
        & (flags["components_digitized"] == False),  # noqa: E712
        "portal_reuse_implies_reuse": (flags["reused_from_portal"] == True)  # noqa: E712
        & (flags["components_reused"] == False),  # noqa: E712
    }
    for name, moment in moments.items():
        broken[f"{name}_unreadable"] = frame[name].notna() & moment.isna()
    for name, flag in flags.items():
        broken[f"{name}_unknown"] = frame[name].notna() & flag.isna()
        broken[f"{name}_missing"] = (resolved if name == "result_digitized" else counted) & frame[name].isna()
    bad = pd.DataFrame(broken).any(axis=1)
    rejected = [
        pd.DataFrame({"rule": name, "row": row[mask], "value": frame["code"][mask]})
        for name, mask in broken.items()
    ]
    good = frame[~bad].assign(row=row, unit=parts[0], status=status, **moments, **flags)
    again = good[good.duplicated("code", keep=False)]
    differs = (
        again.groupby("code")[["status", "received", "finished", *_FLAGS]].nunique(dropna=False).max(axis=1)
        > 1
    )
    conflict = again["code"].map(differs)
    later = again.duplicated("code", keep="first")
    for name, mask in (("duplicate_conflict", conflict), ("duplicate_code", ~conflict & later)):
        rejected.append(pd.DataFrame({"rule": name, "row": again["row"][mask], "value": again["code"][mask]}))
    good = good.drop(again.index[conflict | later])
    refused = pd.concat(rejected)
    return {
        "rows": len(frame),
        **_form(good),
        "quarantined": int(refused["row"].nunique()),
        "rules": {str(rule): int(rows) for rule, rows in sorted(refused["rule"].value_counts().items())},
        "refused": digest(sorted(zip(refused["rule"], refused["row"].astype(int), strict=True))),
    }


def _form(good: Any) -> dict[str, Any]:
    import pandas as pd

    first, after = pd.Timestamp("2026-08-15"), pd.Timestamp("2026-09-15")
    good = good[good["status"].isin(_COUNTED)]
    received = good["received"].between(first, after, inclusive="left")
    resolved = good["status"].isin((7, 9, 10)) & good["finished"].between(first, after, inclusive="left")
    taken, done = good[received].groupby("unit"), good[resolved].groupby("unit")
    table = pd.DataFrame(
        {
            "received": taken.size(),
            "components_digitized": taken["components_digitized"].sum(),
            "components_reused": taken["components_reused"].sum(),
            "reused_from_portal": taken["reused_from_portal"].sum(),
            "resolved": done.size(),
            "results_digitized": done["result_digitized"].sum(),
        }
    ).astype(int)
    table["components_not_digitized"] = table["received"] - table["components_digitized"]
    table["results_not_digitized"] = table["resolved"] - table["results_digitized"]
    table = table[list(_measures())].sort_index()
    return {
        "dossiers": int((received | resolved).sum()),
        "form": digest((str(unit), *map(int, values)) for unit, *values in table.itertuples()),
    }


_FLAGS = ("components_digitized", "components_reused", "reused_from_portal", "result_digitized")
_FIELDS = {
    "Mã hồ sơ": "code",
    "Trạng thái": "status",
    "Ngày tiếp nhận": "received",
    "Ngày hẹn trả": "due",
    "Ngày kết thúc xử lý": "finished",
    "Kênh thực hiện": "channel",
    "Số hóa TPHS": "components_digitized",
    "Tái sử dụng TP": "components_reused",
    "Tái sử dụng từ Cổng DVCQG": "reused_from_portal",
    "Số hóa KQ": "result_digitized",
}
CONTESTANTS = {each.__name__: each for each in (product, pandas, openpyxl, polars, polars_text)}


def main() -> None:
    name, path, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    watch = Stopwatch()
    facts = CONTESTANTS[name](path, out, watch)
    report(watch, **facts)


if __name__ == "__main__":
    main()
