"""The same bytes judged anew: more is known by then, but a correction keeps the last word; and faults that are no outages."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import adbc_driver_postgresql.dbapi as adbc
import psycopg
import pytest
from support.files import PHU_THO, Office, month
from support.readings import load_of, province_bundle

from etl.archive import Archive
from etl.errors import Transient, WarehouseRefused, WarehouseUnavailable
from etl.sandbox.sample_forms import write_form
from etl.sandbox.sample_lists import write_dossier_list
from etl.stages import deliver_digitization
from etl.warehouse.ledger import stage_run
from etl.warehouse.publish import publish, server_error

AUGUST = month("2026-08")
SEPTEMBER = month("2026-09", "calendar")


def received(office: Office) -> int:
    (row,) = office.ask(
        "SELECT sum(received)::int FROM mart.digitization WHERE (period_start, period_end) = (%s, %s)",
        AUGUST.first,
        AUGUST.last,
    )
    return int(row[0])


def announce(office: Office, name: str) -> None:
    """Let the office list one more commune of its own; the next start of the program takes it over."""
    folder = office.settings.provinces_dir
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "units_them.csv").write_text(
        "province_code,block,name,gso_code,parent_gso_code,valid_from,valid_to\n"
        f"{PHU_THO.code},commune,{name},,,2026-01-01,\n",
        encoding="utf-8",
    )


def test_old_bytes_that_come_again_never_outrank_a_correction(office: Office, tmp_path: Path) -> None:
    first = write_form(tmp_path / "a.xlsx", PHU_THO, AUGUST)
    second = write_form(tmp_path / "b.xlsx", PHU_THO, AUGUST, seed=5)
    office.hand_in(first.path)
    office.now += timedelta(days=1)
    office.hand_in(second.path)
    corrected = received(office)
    announce(office, "UBND xã Mới Lập")  # the old bytes are now judged otherwise: one unit more is missing
    office.now += timedelta(days=1)
    again = office.hand_in(first.path, "a lần nữa.xlsx")
    assert again.state == "accepted"
    assert received(office) == corrected
    assert office.ask("SELECT count(*) FROM core.snapshot WHERE source = 'digitization_form'") == [(3,)]


def test_a_list_that_came_before_the_portal_was_read_is_whole_afterwards(
    office: Office, tmp_path: Path
) -> None:
    # Two agencies have no dossier; until the portal says so they are missing from the list.
    planted = write_dossier_list(tmp_path / "list.csv", PHU_THO, SEPTEMBER)
    early = office.hand_in(planted.path)
    lacking = {block["block"]: block["complete"] for block in early.receipt["blocks"]}
    assert lacking == {"commune": True, "department": False}
    bundle = province_bundle(Archive(office.settings.archive_dir), province="phu_tho", period="2026-09")
    publish(office.warehouse, load_of(Archive(office.settings.archive_dir), bundle))
    office.now += timedelta(days=1)
    later = office.hand_in(planted.path)
    assert (later.error, later.state) == (None, "accepted")
    assert {block["complete"] for block in later.receipt["blocks"]} == {True}
    form = deliver_digitization(office.settings, "phu_tho", "2026-09", "calendar", lambda: office.now)
    assert form.is_file()


def test_a_refusal_of_the_data_is_no_outage(office: Office) -> None:
    with office.warehouse.connect_arrow() as connection, connection.cursor() as cursor:
        with pytest.raises(adbc.Error) as caught:
            cursor.execute("SELECT 'một giá trị'::int")
        connection.rollback()
        error = server_error(caught.value, "publishing")
        assert isinstance(error, WarehouseRefused)
        assert "một giá trị" not in str(error)
        cursor.execute("SELECT pg_backend_pid()")
        ((process,),) = cursor.fetchall()
        with office.warehouse.connect("owner") as owner:
            owner.execute("SELECT pg_terminate_backend(%s)", (process,))
        with pytest.raises(adbc.Error) as gone:
            cursor.execute("SELECT 1")
    assert isinstance(server_error(gone.value, "publishing"), WarehouseUnavailable)


def ask_inside_a_stage(office: Office, statement: str) -> None:
    """One statement of the owner's inside a stage of the logbook."""
    with (
        stage_run(office.warehouse, "validate", "dossier_list", "H44", "2026-08", lambda: office.now),
        office.warehouse.connect("owner") as connection,
    ):
        connection.execute(statement)


def test_a_connection_that_is_cut_inside_a_stage_is_tried_again(office: Office) -> None:
    with pytest.raises(Transient, match="went away"):
        ask_inside_a_stage(office, "SELECT pg_terminate_backend(pg_backend_pid())")
    assert office.ask("SELECT state, error_class FROM ops.run") == [("failed", "WarehouseUnavailable")]


def test_a_strangers_words_never_enter_the_logbook(office: Office) -> None:
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        ask_inside_a_stage(office, "SELECT 'Nguyễn Kanary An'::int")
    ((message,),) = office.ask("SELECT message FROM ops.run")
    assert message == "InvalidTextRepresentation (see the log of the run)"
