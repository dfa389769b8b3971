"""What the documents say about what runs by itself, and about who is told what, is what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from documents_reading import flat, rows_of, text_of

from etl.duties import load_duties
from etl.notify.config import LogFileEntry, SmtpEntry, WebhookEntry, load_entries
from etl.notify.messages import _MARKS, _TITLES
from etl.notify.shapes import load_shapes
from etl.settings import PROJECT_ROOT

# --- what runs by itself --------------------------------------------------------------

DAGS = {
    found: path.read_text(encoding="utf-8")
    for path in (PROJECT_ROOT / "dags").glob("*.py")
    for found in re.findall(r'^    dag_id="(\w+)"', path.read_text(encoding="utf-8"), re.MULTILINE)
}


def test_the_readme_says_when_each_dag_runs() -> None:
    assert len(DAGS) > 7
    readme = text_of("README.md")
    assert {dag_id for dag_id in DAGS if f"`{dag_id}`" not in readme} == set()
    section = readme.partition("### What runs by itself")[2].partition("\n### ")[0]
    rows = [row for row in rows_of(section) if row[1].startswith("`")]
    by_dag = {dag_id: " ".join(row[0] for row in rows if f"`{dag_id}`" in row[1]) for dag_id in DAGS}
    timed = {dag_id for dag_id, source in DAGS.items() if "Timetable(" in source}
    assert timed == {dag_id for dag_id, when in by_dag.items() if re.search(r"\d\d:\d\d", when)}
    for dag_id, source in DAGS.items():
        for minute, hour in re.findall(r'CronTriggerTimetable\("(\d+) (\d+) ', source):
            assert f"{int(hour):02d}:{int(minute):02d}" in by_dag[dag_id], dag_id
    hours = {duty.run_at.strftime("%H:%M") for duty in load_duties()}
    assert hours == {"04:30"}
    reports = [dag_id for dag_id, source in DAGS.items() if "ReportTimetable(" in source]
    assert len(reports) == 3
    assert all("04:30" in by_dag[dag_id] for dag_id in reports)
    assert {duty.read_from_day for duty in load_duties()} == {10}
    assert "from the 10th on" in section
    assert {duty.go_ahead_at.strftime("%H:%M") for duty in load_duties()} == {"14:00"}
    assert "until 14:00 of the target day" in section


def test_the_readme_names_the_sets_and_their_duties() -> None:
    sets: dict[str, list[str]] = {}
    for duty in load_duties():
        sets.setdefault(duty.release_set, []).append(duty.id)
    assert len(sets) > 1
    for name, ids in sets.items():
        assert f"`{name}`: {', '.join(ids)})" in flat("README.md")


# --- pages for the office -------------------------------------------------------------


def alerts_page() -> str:
    return text_of("docs", "van-phong", "canh-bao.md")


def test_the_page_on_alerts_names_every_kind_of_message_in_the_programs_words() -> None:
    rows = {
        match[1]: (match[2], row)
        for row in rows_of(alerts_page().partition("## 3.")[0])
        if (match := re.match(r"`(\w+)` (.+)", row[0]))
    }
    assert set(rows) == set(_TITLES)
    assert all(set(re.findall(r"`(\w+)`", row[2])) <= set(_MARKS) for _, row in rows.values())
    assert all(row[2] and len(row[3]) > 10 for _, row in rows.values())
    assert {mark for mark in _MARKS.values() if f"`{mark}`" not in alerts_page()} == set()
    for kind, (title, _) in rows.items():
        assert title in " ".join(_TITLES[kind].replace("{report}", "").split()), kind


def test_the_example_of_alerts_loads_and_every_key_is_explained(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", alerts_page(), re.MULTILINE | re.DOTALL)
    (tmp_path / "alerts.yml").write_text(example, encoding="utf-8")
    found = load_entries(tmp_path / "alerts.yml")
    assert [one.kind for one in found] == ["smtp", "webhook", "webhook", "log_file"]
    hosts = set(re.findall(r"[\w.-]+\.gov\.vn", alerts_page()))
    assert hosts
    assert all(host.endswith("example.gov.vn") for host in hosts)
    keys = {
        field.alias or name
        for kind in (SmtpEntry, WebhookEntry, LogFileEntry)
        for name, field in kind.model_fields.items()
    }
    assert len(keys) > 18
    assert {key for key in keys if f"`{key}`" not in alerts_page()} == set()
    assert {shape for shape in load_shapes() if f"`{shape}`" not in alerts_page()} == set()
    for default, key in (
        (SmtpEntry, "timeout_seconds"),
        (WebhookEntry, "timeout_seconds"),
        (WebhookEntry, "attempts"),
    ):
        assert f"mặc định {default.model_fields[key].default:g}" in alerts_page()


def test_the_shipped_example_of_alerts_loads(tmp_path: Path) -> None:
    text = text_of("etl", "notify", "alerts.example.yml")
    (tmp_path / "alerts.yml").write_text(text, encoding="utf-8")
    assert len(load_entries(tmp_path / "alerts.yml")) == len(yaml.safe_load(text)["channels"]) > 2
