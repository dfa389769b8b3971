"""An office that hands files in: a warehouse of its own, an inbox, and what became of each file."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from etl import file_stages
from etl.archive import Archive
from etl.errors import BochisoError
from etl.file_stages import FileSnapshot
from etl.periods import VIETNAM, Period, Window, window_of
from etl.reference.provinces import find_province
from etl.sandbox.sample_forms import PlantedForm
from etl.settings import Settings
from etl.sources.digitization import MEASURES
from etl.warehouse.engine import Warehouse, open_warehouse
from etl.warehouse.publish import publish
from support.readings import load_of, province_bundle

PHU_THO = find_province("phu_tho")
# The sample portal's July and August are read on 26/09/2026 (``support.readings.FIRST``).
NOW = datetime(2026, 10, 20, 9, 0, tzinfo=VIETNAM)
PORTAL_MONTHS = ("2026-07", "2026-08")
Figures = dict[str, dict[str, int | None]]


def tell_portal(settings: Settings) -> None:
    """Publish what the portal says of Phú Thọ's July and August: its units become known, too."""
    archive = Archive(settings.archive_dir)
    for period in PORTAL_MONTHS:
        bundle = province_bundle(archive, province="phu_tho", period=period)
        publish(open_warehouse(settings), load_of(archive, bundle))


def month(period: str, calendar: str = "administrative") -> Window:
    return window_of(Period.parse(period), calendar)


@dataclass(frozen=True)
class Handled:
    """What became of one file. ``error``: of the stage that refused it; ``receipt``: its JSON; ``page``: its HTML."""

    handed: str
    error: BochisoError | None
    snapshot: FileSnapshot | None
    answered: Path
    receipt: Mapping[str, Any]
    page: str

    @property
    def state(self) -> str:
        return str(self.receipt["state"])

    @property
    def rule(self) -> str | None:
        return self.receipt["refusal"]["rule"] if self.receipt["refusal"] else None

    @property
    def rows(self) -> tuple[int, int, int, int]:
        """Read, published, quarantined, ignored."""
        names = ("rows_read", "rows_published", "rows_quarantined", "rows_ignored")
        return tuple(self.receipt[name] for name in names)  # type: ignore[return-value]

    def check(self, rule: str) -> Mapping[str, Any]:
        """The one failed or warned check of that name."""
        (found,) = [
            line
            for line in self.receipt["checks"]
            if line["rule"].endswith(f".{rule}") or line["rule"] == rule
        ]
        return found

    def checks(self) -> set[tuple[str, str]]:
        return {(line["rule"].rpartition(".")[2], line["severity"]) for line in self.receipt["checks"]}


@dataclass
class Office:
    """Settings, warehouse and the hour; ``now`` may be moved on."""

    settings: Settings
    now: datetime = NOW

    @property
    def warehouse(self) -> Warehouse:
        return open_warehouse(self.settings)

    @property
    def inbox(self) -> Path:
        return self.settings.inbox_dir

    @property
    def archive(self) -> Archive:
        return Archive(self.settings.archive_dir)

    def clock(self) -> datetime:
        return self.now

    def with_settings(self, **changes: Any) -> Office:
        return replace(self, settings=self.settings.model_copy(update=changes))

    def drop(self, content: Path | bytes, name: str | None = None, province: str | None = None) -> Path:
        """Lay a file (or bytes) into the inbox, as if it had been there for an hour. Returns where."""
        folder = self.inbox / province if province else self.inbox
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            target = folder / (name or content.name)
            shutil.copyfile(content, target)
        else:
            assert name is not None
            target = folder / name
            target.write_bytes(content)
        settled = (self.now - timedelta(hours=1)).timestamp()
        os.utime(target, (settled, settled))
        return target

    def take_in(self) -> list[Handled]:
        """What the inbox's DAG does once: every waiting file through all stages, answered."""
        return [self.handle(handed) for handed in file_stages.take_waiting(self.settings, self.clock)]

    def hand_in(self, content: Path | bytes, name: str | None = None, province: str | None = None) -> Handled:
        """Drop one file and take it in; nothing else may be waiting."""
        self.drop(content, name, province)
        (handled,) = self.take_in()
        return handled

    def load(self, path: Path, **asked: Any) -> Handled:
        """``bochiso ingest``: a file that stays where it is."""
        asked.setdefault("province", "phu_tho")
        return self.handle(file_stages.take_file(self.settings, path, self.clock, **asked))

    def handle(self, handed: str) -> Handled:
        error: BochisoError | None = None
        snapshot: FileSnapshot | None = None
        try:
            file_stages.receive(self.settings, handed, self.clock)
            file_stages.validate_file(self.settings, handed, self.clock)
            snapshot = file_stages.publish_file(self.settings, handed, self.clock)
        except BochisoError as caught:
            error = caught
        return self.answered(handed, error, snapshot)

    def answered(
        self, handed: str, error: BochisoError | None = None, snapshot: FileSnapshot | None = None
    ) -> Handled:
        page = Path(file_stages.answer(self.settings, handed, self.clock))
        answered = page.with_name(page.name.removesuffix(".receipt.html"))
        receipt = json.loads(page.with_name(f"{answered.name}.receipt.json").read_text(encoding="utf-8"))
        return Handled(handed, error, snapshot, answered, receipt, page.read_text(encoding="utf-8"))

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.warehouse.connect("etl") as connection:
            return connection.execute(query, values or None).fetchall()

    def figures(self, window: Window, province: str = PHU_THO.code, by: str = "unit_code") -> Figures:
        """The measures of ``mart.digitization`` in a window, by unit code (or another column)."""
        rows = self.ask(
            f"SELECT {by}::text, {', '.join(MEASURES)} FROM mart.digitization WHERE province_code = %s "
            "AND period_start = %s AND period_end = %s",
            province,
            window.first,
            window.last,
        )
        found = {row[0]: dict(zip(MEASURES, row[1:], strict=True)) for row in rows}
        assert len(found) == len(rows)
        return found

    def quarantined(self, handled: Handled) -> list[tuple[Any, ...]]:
        """Rule, locator, column, value of the refused cells of a file."""
        return self.ask(
            "SELECT rule, locator, column_name, value FROM quarantine.rejected_row WHERE capture_sha256 = %s "
            "ORDER BY locator, rule",
            handled.receipt["sha256"],
        )

    def runs(self, handled: Handled) -> list[tuple[Any, ...]]:
        """Stage, state, rows read, published, quarantined, ignored of a published file, in order."""
        return self.ask(
            "SELECT stage, state, rows_read, rows_published, rows_quarantined, rows_ignored FROM ops.run "
            "WHERE snapshot_id = %s::uuid ORDER BY started_at, finished_at",
            handled.receipt["snapshot_id"],
        )


def written(form: PlantedForm, *, but: Sequence[str] = ()) -> Figures:
    """What ``mart.digitization`` must say of a form: its figures, measures the layout lacks (``but``) null."""
    return {
        code: {name: None if name in but else own[name] for name in MEASURES}
        for code, own in form.figures.items()
    }


def adds_up(handled: Handled) -> bool:
    """Rows read = published + quarantined + ignored, and the ignored ones by kind add up, too."""
    read, published, quarantined, ignored = handled.rows
    kinds = handled.receipt["rows_ignored_by_kind"]
    return read == published + quarantined + ignored and sum(kinds.values()) == ignored
