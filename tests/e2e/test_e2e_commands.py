"""The commands as a person runs them: real processes, real Airflow, real PostgreSQL, real HTTP."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import httpx
import openpyxl
import pytest
from support.commands import BOCHISO, bochiso, environment, running, sandbox, select

from etl.settings import PROJECT_ROOT

REAL = PROJECT_ROOT.parent / "shared" / "real"
pytestmark = pytest.mark.slow


def captures(name: str) -> str:
    folder = REAL / name
    if not folder.is_dir():
        pytest.skip("the captured values of the real portal are not beside this checkout")
    return str(folder)


def test_the_first_month_end_to_end_on_real_captures(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with sandbox(home, "--captures", captures("derived-14-units")) as address:
        words = ("run", "monthly", "--period", "2026-08", "--province", "phu_tho", "--portal", address)
        first = bochiso(home, *words)
        assert first.returncode == 0, first.stderr
        assert "no ranking" in first.stderr
        book = home / "deliverables" / "phu_tho" / "2026-08" / "phu-luc-bo-chi-so-2026-08.xlsx"
        assert str(book) in first.stdout
        content = book.read_bytes()
        checksum = bochiso(home, "status", "--checksum").stdout
        archived = sorted(path for path in (home / "archive").rglob("*") if path.is_file())

        again = bochiso(home, *words)
        assert again.returncode == 0, again.stderr
    assert bochiso(home, "status", "--checksum").stdout == checksum
    assert len(checksum.strip()) == 64
    assert book.read_bytes() == content
    assert sorted(path for path in (home / "archive").rglob("*") if path.is_file()) == archived

    units = select(
        home,
        "select count(*) filter (where block <> 'province') as units, count(*) as all from mart.unit_scorecard",
    )
    assert units == [{"units": "14", "all": "15"}]
    groups = select(
        home, "select count(*) as n, count(score) as scored from mart.indicator_scores where level = 'group'"
    )
    assert groups == [{"n": "90", "scored": "90"}]
    [row] = select(
        home,
        "select numerator, score from mart.indicator_scores where indicator_code = '4.x' and unit_code = 'H44'",
    )
    assert row == {"numerator": "", "score": "2"}
    sheets = openpyxl.load_workbook(book)
    assert len(sheets.sheetnames) >= 4
    assert (home / "data_docs" / "H44" / "2026-08" / "index.html").is_file()
    shown = bochiso(home, "status")
    assert "2026-08" in shown.stdout
    assert "complete" in shown.stdout
    assert running(home) == []


def test_partial_real_captures_end_in_words_and_no_workbook(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with sandbox(home, "--captures", captures(".")) as address:
        done = bochiso(
            home, "run", "monthly", "--period", "2026-08", "--province", "phu_tho", "--portal", address
        )
    assert done.returncode == 5
    assert "CKMB: expected 163 units, saw 16" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (home / "deliverables").exists()
    found = select(
        home,
        "select indicator_code, count(*) as units from mart.indicator_scores where level = 'group' group by 1 order by 1",
    )
    assert found == [{"indicator_code": code, "units": "164"} for code in ("CLGQ", "TDGQ", "TTTT")]
    assert select(home, "select complete, is_current from mart.snapshots") == [
        {"complete": "false", "is_current": "true"}
    ]


def test_a_refusing_portal_ends_in_words_and_its_exit_code(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with sandbox(home, "--misbehave", "forbidden") as address:
        done = bochiso(home, "run", "monthly", "--period", "2026-08", "--portal", address)
    assert done.returncode == 3
    assert "HTTP 403" in done.stderr
    assert "what to do:" in done.stderr
    with sandbox(home, "--misbehave", "server_error") as address:
        done = bochiso(
            home,
            "run",
            "ingest",
            "--period",
            "2026-Q3",
            "--portal",
            address,
            BOCHISO_PORTAL_RETRY_WAIT_SECONDS="0",
        )
    assert done.returncode == 4
    assert select(home, "select count(*) as n from mart.snapshots") == [{"n": "0"}]


def test_ctrl_c_leaves_nothing_half_written(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with sandbox(home, "--misbehave", "slow", "--seconds", "60") as address:
        process = subprocess.Popen(
            [*BOCHISO, "run", "monthly", "--period", "2026-08", "--portal", address],
            env=environment(home),
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        deadline = time.monotonic() + 90
        query = "select count(*) as n from mart.snapshots"
        while not any((home / "logs").rglob("*")) or "in_process" not in " ".join(running(home)):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        time.sleep(6)  # Airflow is up by then and the fetch waits for the slow portal
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "interrupted" in errors
    assert select(home, query) == [{"n": "0"}]
    assert list(home.rglob(".incoming-*")) == []
    assert running(home) == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("run", "monthly", "--period", "2026-13"), 2, "name a month"),
        (("run", "monthly", "--period", "2026-Q3"), 2, "not a month"),
        (
            ("run", "monthly", "--period", "2026-08", "--province", "atlantis"),
            2,
            "no province is called 'atlantis'",
        ),
        (("run", "monthly"), 2, "--period"),
        (("sandbox", "--misbehave", "sulk"), 2, "no misbehaviour 'sulk'"),
        (("sandbox", "--captures", "/nowhere"), 3, "manifest"),
        (("periods", "--year", "99"), 2, "out of range"),
        (("frobnicate",), 2, "frobnicate"),
    ],
)
def test_wrong_words_are_answered_at_once(
    tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    done = bochiso(tmp_path / "home", *words, timeout=60)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_sql_is_read_only_one_statement_and_csv(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert select(home, "select 1.50 as a, null as b, true as c, 'x,\"y\"' as d") == [
        {"a": "1.50", "b": "", "c": "true", "d": 'x,"y"'}
    ]
    for query in (
        "select 1; drop schema mart",
        "select * from core.unit",
        "create table mart.x (a int)",
        "selec",
    ):
        done = bochiso(home, "sql", query)
        assert done.returncode == 2
        assert done.stdout == ""
        assert "the warehouse refuses the query" in done.stderr
    assert running(home) == []


def test_periods_lists_the_seventeen_reports_of_a_year(tmp_path: Path) -> None:
    done = bochiso(tmp_path / "home", "periods", "--year", "2026")
    lines, _, duties = done.stdout.strip().partition("\n\n")
    assert len(lines.splitlines()) == 1 + 12 + 4 + 1
    [february] = [line for line in lines.splitlines() if line.startswith("2026-02")]
    assert "Fri 2026-02-13" in february
    assert "D1 D2 D3 D4" in february
    assert "preliminary" in february
    assert [line[:2] for line in duties.splitlines() if line[:1] == "D"] == ["D1", "D2", "D3", "D4"]
    assert not (tmp_path / "home").exists()


def test_the_demo_keeps_to_its_own_home_and_shows_where_things_are(
    demonstration: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    home, done = demonstration
    book = home / "demo" / "deliverables" / "phu_tho" / "2026-08" / "phu-luc-bo-chi-so-2026-08.xlsx"
    form = home / "demo" / "deliverables" / "phu_tho" / "2026-09" / "bieu-so-hoa-2026-09.xlsx"
    for part in (str(book), str(form), "index.html", "postgresql://127.0.0.1:"):
        assert part in done.stdout
    assert form.is_file()
    answers = [line.split() for line in done.stdout.splitlines() if ".receipt.html" in line]
    assert [line[0] for line in answers] == ["accepted", "accepted", "refused"]
    assert all(Path(line[-1]).is_file() for line in answers)
    read = "select period_id, basis, count(*) as units from mart.digitization group by 1, 2 order by 1"
    assert [(row["period_id"], row["basis"]) for row in select(home / "demo", read)] == [
        ("2026-08", "list"),
        ("2026-09", "form"),
    ]
    assert book.is_file()
    assert {entry.name for entry in home.iterdir()} == {"demo"}
    rows = select(
        home / "demo",
        "select count(*) as n, count(total_change) as changes from mart.unit_scorecard where period_id = '2026-08'",
    )
    assert int(rows[0]["n"]) > 100
    assert rows[0]["n"] == rows[0]["changes"]
    assert select(
        home / "demo", "select count(*) as n from mart.province_ranking where period_id = '2026-08'"
    ) == [{"n": "34"}]
    hint = bochiso(home, "sql", "select * from mart.unit_scorecard")
    assert "demo" in hint.stderr

    checksum = bochiso(home / "demo", "status", "--checksum").stdout
    made = book.read_bytes(), form.read_bytes()
    again = bochiso(home, "demo")
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[2:] == done.stdout.splitlines()[2:], (
        "the same paths; the first line has seconds"
    )
    assert bochiso(home / "demo", "status", "--checksum").stdout == checksum
    assert (book.read_bytes(), form.read_bytes()) == made


def test_up_shows_airflow_and_a_triggered_month_reaches_its_workbook(tmp_path: Path) -> None:
    """The whole of Airflow: a reading and then a report by hand, triggered over its API."""
    home = tmp_path / "home"
    port = 18080 + os.getpid() % 1000
    with sandbox(home) as address:
        settings = environment(home, BOCHISO_AIRFLOW_PORT=str(port), BOCHISO_PORTAL_URL=address)
        process = subprocess.Popen(
            [*BOCHISO, "up"],
            env=settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            base = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 200
            passwords = home / "airflow" / "simple_auth_manager_passwords.json"
            while True:
                assert process.poll() is None, process.stdout.read() if process.stdout else ""
                assert time.monotonic() < deadline, "Airflow did not become ready"
                try:
                    health = httpx.get(f"{base}/api/v2/monitor/health", timeout=5).json()
                    if (
                        all(part.get("status") == "healthy" for part in health.values())
                        and passwords.is_file()
                    ):
                        break
                except (httpx.HTTPError, ValueError):
                    pass
                time.sleep(1)
            import json

            [(user, password)] = json.loads(passwords.read_text()).items()
            token = httpx.post(
                f"{base}/auth/token", json={"username": user, "password": password}, timeout=30
            ).json()["access_token"]
            api = httpx.Client(
                base_url=f"{base}/api/v2", headers={"Authorization": f"Bearer {token}"}, timeout=30
            )
            while True:
                dags = {dag["dag_id"] for dag in api.get("/dags").json()["dags"]}
                if {"ingest_national_portal", "monthly_report"} <= dags:
                    break
                assert time.monotonic() < deadline, f"the DAGs never showed: {dags}"
                time.sleep(1)
            for dag_id in ("ingest_national_portal", "monthly_report"):
                api.patch(f"/dags/{dag_id}", json={"is_paused": False}).raise_for_status()
            conf = {"province": "gia_lai", "period": "2026-08"}
            api.post(
                "/dags/ingest_national_portal/dagRuns", json={"conf": conf, "logical_date": None}
            ).raise_for_status()
            deadline = time.monotonic() + 180
            while [
                run["state"] for run in api.get("/dags/ingest_national_portal/dagRuns").json()["dag_runs"]
            ] != ["success"]:
                assert time.monotonic() < deadline, api.get("/dags/ingest_national_portal/dagRuns").json()
                time.sleep(1)
            api.post(
                "/dags/monthly_report/dagRuns", json={"conf": conf | {"wait": False}, "logical_date": None}
            ).raise_for_status()
            book = home / "deliverables" / "gia_lai" / "2026-08" / "phu-luc-bo-chi-so-2026-08.xlsx"
            deadline = time.monotonic() + 180
            while not book.is_file():
                assert time.monotonic() < deadline, [
                    api.get(f"/dags/{dag_id}/dagRuns").json()
                    for dag_id in ("ingest_national_portal", "monthly_report")
                ]
                time.sleep(1)
        finally:
            os.killpg(process.pid, signal.SIGINT)
            said, _ = process.communicate(timeout=60)
        assert f"127.0.0.1:{port}" in said
    time.sleep(1)
    assert running(home) == []
