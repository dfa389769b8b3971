"""A quarter and a year of the sandbox portal, through the stages to the appendix: every number is the mart's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet
from support.files import PHU_THO, Office
from support.warehouses import database

from etl import stages
from etl.errors import UnknownName
from etl.periods import VIETNAM, Period, window_of
from etl.sandbox import SamplePortal, SandboxServer
from etl.sandbox.sample_forms import write_form
from etl.settings import Settings
from etl.warehouse.embedded import EmbeddedServer

# Six readings of a portal with their checks, four of them shared: about a minute.
pytestmark = pytest.mark.slow

BLOCKS = {"department": "Sở, ban, ngành", "commune": "Cấp xã"}
GROUPS = ("ckmb", "tdgq", "clgq", "tttt", "mdsh", "mdhl")


def at(year: int, month: int, day: int) -> datetime:
    """04:00 in Vietnam: when the portal is read."""
    return datetime(year, month, day, 4, 0, tzinfo=VIETNAM)


# What the office reads, in order: quarter II after its end; quarter III twice while it runs, and the year.
READINGS = (
    ("2026-Q2", at(2026, 7, 20)),
    ("2026-Q3", at(2026, 9, 14)),
    ("2026-Q3", at(2026, 9, 15)),
    ("2026", at(2026, 9, 15)),
)


def read(settings: Settings, period: str, now: datetime) -> stages.Snapshot:
    """The province and the national page of a period, as the portal told them at that hour."""
    with SandboxServer(SamplePortal(as_of=now)) as server:
        mine = Settings.model_validate(
            settings.model_dump() | {"portal_url": server.url, "portal_pause_seconds": 0.0}
        )

        def through(handed: str) -> stages.Snapshot:
            judged = stages.validate(mine, stages.read(mine, handed, lambda: now), lambda: now)
            return stages.publish_reading(mine, judged, lambda: now)

        snapshot = through(stages.fetch(mine, "phu_tho", period, lambda: now))
        through(stages.fetch_country(mine, period, lambda: now))
    return snapshot


@pytest.fixture(scope="module")
def office(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with database(server) as url:
        settings = Settings(home=tmp_path_factory.mktemp("quarter") / "home", warehouse_url=url)
        for period, now in READINGS:
            read(settings, period, now)
        yield Office(settings, at(2026, 9, 15))


def appendix(office: Office, period: str) -> tuple[Path, openpyxl.Workbook]:
    (target,) = stages.report_targets(
        Period.parse(period).kind,
        {},
        [{"province": "H44", "period": one} for one in ("2026-08", "2026-Q3", "2026")],
    )
    assert target == {"province": "H44", "period": period}
    path = stages.deliver_appendix(office.settings, target["province"], target["period"], office.clock)
    return path, openpyxl.load_workbook(path)


# Name, six groups and total, rank, change of total, change of rank. Two communes bear one name: lines, not a mapping.
Line = tuple[str, *tuple[float | None, ...]]


def line(values: Sequence[Any]) -> Line:
    return (str(values[0]), *(None if value is None else float(value) for value in values[1:]))


def in_order(lines: Iterable[Line]) -> list[Line]:
    return sorted(lines, key=repr)


def shown(sheet: Worksheet) -> list[Line]:
    rows = list(sheet.iter_rows(values_only=True))
    first = next(place for place, row in enumerate(rows) if row[0] == "(1)") + 1
    last = next(place for place, row in enumerate(rows) if row[1] == "Trung bình khối (tính toán)")
    return in_order(line(row[1:12]) for row in rows[first:last])


def told(office: Office, period: str, block: str) -> list[Line]:
    rows = office.ask(
        f"SELECT unit_name, {', '.join(GROUPS)}, total, rank_in_block, total_change, rank_change "
        "FROM mart.unit_scorecard WHERE province_code = 'H44' AND period_id = %s AND block = %s",
        period,
        block,
    )
    return in_order(map(line, rows))


def everything(book: openpyxl.Workbook) -> str:
    return "\n".join(
        str(c.value) for sheet in book for row in sheet.iter_rows() for c in row if c.value is not None
    )


@pytest.mark.parametrize("period", ["2026-Q3", "2026"])
def test_every_number_of_a_quarter_and_a_year_is_the_marts(office: Office, period: str) -> None:
    path, book = appendix(office, period)
    assert path.name == f"phu-luc-bo-chi-so-{period}.xlsx"
    assert path.parent.name == period
    units = 0
    for block, name in BLOCKS.items():
        ours, theirs = shown(book[name]), told(office, period, block)
        assert ours == theirs
        units += len(ours)
    assert units > 100
    indicators = office.ask(
        "SELECT indicator_code, numerator, denominator, ratio_pct, score FROM mart.indicator_scores "
        "WHERE province_code = 'H44' AND unit_code = 'H44' AND period_id = %s AND level = 'component'",
        period,
    )
    rows = {row[0]: line([row[0], *row[2:6]])[1:] for row in book["Toàn tỉnh"].iter_rows(values_only=True)
            if re.fullmatch(r"\d\.\w+", str(row[0]))}  # fmt: skip
    assert len(rows) == len(indicators) > 20
    for code, *figures in indicators:
        assert rows[code] == line([code, *figures])[1:], code


def test_a_running_quarter_is_compared_with_the_quarter_before_and_marked(office: Office) -> None:
    _, book = appendix(office, "2026-Q3")
    assert office.ask(
        "SELECT DISTINCT compared_period_id FROM mart.unit_scorecard WHERE period_id = '2026-Q3' "
        "AND compared_period_id IS NOT NULL"
    ) == [("2026-Q2",)]
    text = everything(book)
    assert "QUÝ III/2026 (SỐ LIỆU TẠM THỜI, SỐ LIỆU THỬ NGHIỆM)" in text
    assert "Tăng, giảm điểm so với quý II/2026" in text
    assert "với cả quý II/2026" in text
    assert re.search(r"Xếp hạng toàn quốc: \d+/34 .* so với quý II/2026", text)
    assert not re.search(r"tháng \d+/2026", text)


def test_a_year_is_compared_with_nothing_across_the_series_break(office: Office) -> None:
    _, book = appendix(office, "2026")
    text = everything(book)
    assert "NĂM 2026 (SỐ LIỆU TẠM THỜI" in text
    assert "Không so sánh với năm 2025 vì Cổng đổi cách tính Bộ chỉ số từ ngày 01/01/2026" in text
    for block, name in BLOCKS.items():
        assert {one[9:] for one in shown(book[name])} == {(None, None)}, block


def test_two_mornings_of_a_running_quarter_are_no_restatement(office: Office) -> None:
    ((moved,),) = office.ask(
        "SELECT count(*) FROM mart.restatements WHERE province_code = 'H44' AND period_id = '2026-Q3' AND old_provisional"
    )
    assert moved > 1000, "the sandbox's running quarter grew between the two mornings"
    _, book = appendix(office, "2026-Q3")
    assert "Điều chỉnh số liệu" not in book.sheetnames
    grouped = f"{moved:,}".replace(",", ".")
    assert f"{grouped} giá trị thay đổi giữa các lần chụp khi quý III/2026 chưa kết thúc" in everything(book)


def test_a_quarter_of_forms_and_the_portals_quarter_stand_side_by_side(
    office: Office, tmp_path: Path
) -> None:
    """Same period id, other days: the form handed in later must not pass for the portal's reading."""
    before = appendix(office, "2026-Q3")[0].read_bytes()
    later = Office(office.settings, datetime(2026, 9, 16, 9, 0, tzinfo=VIETNAM))
    for month in ("2026-07", "2026-08", "2026-09"):
        planted = write_form(tmp_path / f"{month}.xlsx", PHU_THO, window_of(Period.parse(month)))
        assert later.hand_in(planted.path).state == "accepted"
    summed = stages.deliver_digitization(office.settings, "phu_tho", "2026-Q3", "administrative", later.clock)
    text = everything(openpyxl.load_workbook(summed))
    for words in (
        "TỈNH PHÚ THỌ – QUÝ III/2026",
        "(Từ ngày 15/06/2026 đến ngày 14/09/2026)",
        "Số liệu cộng từ các tháng: tháng 7/2026, tháng 8/2026, tháng 9/2026.",
        "quý III/2026, từ ngày 01/07/2026 đến ngày 30/09/2026 (khác kỳ)",
        "Số liệu của Cổng là số tạm: được đọc khi kỳ của Cổng chưa kết thúc.",
    ):
        assert words in text
    own = write_form(tmp_path / "quarter.xlsx", PHU_THO, window_of(Period.parse("2026-Q3")))
    assert later.hand_in(own.path).state == "accepted"
    speaking = office.ask(
        "SELECT source FROM mart.snapshots WHERE province_code = 'H44' AND period_id = '2026-Q3' AND is_current"
    )
    assert sorted(speaking) == [("digitization_form",), ("national_portal",)]
    assert appendix(office, "2026-Q3")[0].read_bytes() == before


def test_the_closed_quarter_read_again_loses_its_mark(server: EmbeddedServer, tmp_path: Path) -> None:
    with database(server) as url:
        settings = Settings(home=tmp_path / "home", warehouse_url=url)
        office = Office(settings, at(2026, 10, 20))
        read(settings, "2026-Q3", at(2026, 9, 15))
        _, running = appendix(office, "2026-Q3")
        again = read(settings, "2026-Q3", at(2026, 10, 20))
        assert again["new"]
        path, closed = appendix(office, "2026-Q3")
        assert path.read_bytes() == appendix(office, "2026-Q3")[0].read_bytes()
        assert "SỐ LIỆU TẠM THỜI" in everything(running)
        assert "Không có kỳ trước cùng loại để so sánh; các cột tăng, giảm để trống." in everything(closed)
        assert "SỐ LIỆU TẠM THỜI" not in everything(closed)
        assert "Điều chỉnh số liệu" not in closed.sheetnames
        for block, name in BLOCKS.items():
            assert shown(closed[name]) == told(office, "2026-Q3", block)


@pytest.mark.parametrize(("kind", "period"), [("quarter", "2026"), ("year", "2026-Q3"), ("year", "2026-08")])
def test_a_report_of_another_kind_of_period_is_refused(kind: str, period: str) -> None:
    with pytest.raises(UnknownName, match=re.escape(f"{period} is not a {kind}")):
        stages.report_targets(kind, {"province": "phu_tho", "period": period}, [])
