"""Starting a rehearsal (``support.rehearsal``) in Airflow's environment and reading what became of the year."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from etl.airflow_environment import airflow_environment
from etl.airflow_launch import migrate_airflow
from etl.duties import duties_file
from etl.settings import PROJECT_ROOT, Settings
from etl.stages import ready_warehouse
from etl.warehouse.embedded import ensure_running


@dataclass(frozen=True)
class Deadline:
    period: str
    duty: str
    state: str
    target: date
    due_at: datetime
    released_at: datetime | None


@dataclass(frozen=True)
class Told:
    kind: str
    period: str
    duties: str
    day: date
    raised_at: datetime
    text: str


@dataclass(frozen=True)
class Year:
    """What a rehearsed year left behind."""

    deadlines: list[Deadline]
    told: list[Told]
    releases: list[list[Any]]
    sent: Mapping[str, int]
    failed: list[str]
    seconds: Mapping[str, float]

    def of(self, period: str) -> list[Deadline]:
        return [one for one in self.deadlines if one.period == period]

    def days_told(self, kind: str, period: str) -> set[str]:
        return {one.day.isoformat() for one in self.told if (one.kind, one.period) == (kind, period)}


def todays_catalogue_since(folder: Path, first_day: str) -> str:
    """A copy of the indicator catalogue in which today's edition has held since ``first_day``; returns its path.

    The portal's replies of before 2026 have another shape, which this program does not read yet: a rehearsal that
    needs them rehearses the dates with figures in today's shape.
    """
    document = yaml.safe_load((PROJECT_ROOT / "etl/reference/indicators.yml").read_text(encoding="utf-8"))
    newest = max(document["editions"], key=lambda edition: str(edition["valid_from"]))
    document["editions"] = [newest | {"valid_from": first_day}]
    path = folder / "indicators.yml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return str(path)


def rehearse(home: Path, plan: Mapping[str, Any], *, timeout: float = 900) -> Year:
    """Drive a year (or a part of one) and return what the ledger says at its end."""
    settings = Settings(
        home=home,
        province=plan["province"],
        portal_pause_seconds=0.0,
        portal_attempts=1,
        portal_retry_wait_seconds=0.0,
        inbox_settle_seconds=0.0,
    )
    home.mkdir(parents=True, exist_ok=True)
    settings.targets_file.write_text(
        f"targets:\n  - name: cong-tinh\n    kind: folder\n    products: [D1, D4]\n    path: {home / 'sent'}\n",
        encoding="utf-8",
    )
    (home / "sent").mkdir()
    if day := plan.get("read_from_day"):
        shipped = duties_file(home).read_text(encoding="utf-8")
        own = re.sub(r"read_from_day: \d+", f"read_from_day: {day}", shipped)
        (home / "duties.yml").write_text(own, encoding="utf-8")
    server = ensure_running(home)
    try:
        environment = airflow_environment(settings, server)
        if not plan.get("catalogue"):
            ready_warehouse(settings)
        migrate_airflow(settings, environment)
        environment["PYTHONPATH"] += f":{PROJECT_ROOT / 'tests'}"
        request, result = home / "plan.json", home / "year.json"
        request.write_text(json.dumps(plan), encoding="utf-8")
        log = home / "rehearsal.log"
        with log.open("w") as out:
            done = subprocess.run(
                [
                    sys.executable,
                    "-P",
                    str(Path(__file__).with_name("rehearsal.py")),
                    str(request),
                    str(result),
                ],
                env=environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                timeout=timeout,
                check=False,
            )
        if done.returncode or not result.exists():
            raise AssertionError(log.read_text(errors="replace")[-4000:])
    finally:
        server.release()
    found = json.loads(result.read_text(encoding="utf-8"))
    return Year(
        deadlines=[
            Deadline(
                period,
                duty,
                state,
                date.fromisoformat(target),
                datetime.fromisoformat(due),
                datetime.fromisoformat(released) if released else None,
            )
            for period, duty, state, target, due, released in found["deadlines"]
        ],
        told=[
            Told(kind, period, duties, date.fromisoformat(day), datetime.fromisoformat(raised), text)
            for kind, period, duties, day, raised, text in found["told"]
        ],
        releases=found["releases"],
        sent=found["sent"],
        failed=found["failed"],
        seconds=found["seconds"],
    )
