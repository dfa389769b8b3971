"""The watcher on a real warehouse, with a real mail server and a real webhook: each event once, none lost."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from local_receivers import PASSWORD, HttpReceiver, MailReceiver
from notify_cases import HOSTILE, at

from etl import watch as watcher
from etl.errors import Terminal, Transient, UnknownName
from etl.notify import webhook
from etl.settings import Settings
from etl.warehouse.engine import Warehouse
from etl.watch import current_statuses, deadline_passed, strict_exit, watch
from etl.watch_ledger import one_watcher

SECRETS = {"MAIL_PASSWORD": PASSWORD}


@dataclass
class Office:
    """An installation at a simulated instant."""

    settings: Settings
    warehouse: Warehouse
    now: datetime

    def clock(self) -> datetime:
        return self.now

    def watch(self, now: str | None = None) -> list[dict[str, Any]]:
        self.now = at(now) if now else self.now
        return watch(self.settings, self.clock, secrets=SECRETS)

    def channels(self, *entries: dict[str, Any]) -> None:
        self.settings.home.mkdir(parents=True, exist_ok=True)
        self.settings.alerts_file.write_text(yaml.safe_dump({"channels": list(entries)}))

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self.warehouse.connect() as connection:
            cursor = connection.execute(statement, values)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def set(self, duties: str, period: str = "2026-10", **columns: object) -> None:
        """Change columns of ops.duty of some duties ("D1 D2") of a period."""
        words = ", ".join(f"{name} = %s" for name in columns)
        self.sql(
            f"UPDATE ops.duty SET {words} WHERE period_id = %s AND duty = ANY(%s)",
            *columns.values(), period, duties.split(),
        )  # fmt: skip

    def rows(self) -> dict[str, tuple[Any, ...]]:
        found = self.sql(
            "SELECT event_key, duty, channels, sent_at, attempts, message_vi FROM ops.notification"
        )
        return {row[0]: row[1:] for row in found}

    def log(self) -> list[dict[str, Any]]:
        path = self.settings.home / "logs" / "alerts.jsonl"
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


@pytest.fixture
def office(settings: Settings, warehouse: Warehouse) -> Office:
    return Office(settings, warehouse, at("2026-10-13 07:10"))


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits between tries of a webhook are tested where it is; here they only take time."""
    monkeypatch.setattr(webhook, "_FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(webhook, "_LONGEST_WAIT_SECONDS", 0.02)


def smtp(server: MailReceiver, **changes: Any) -> dict[str, Any]:
    return {
        "name": "mail", "kind": "smtp", "host": "127.0.0.1", "port": server.port, "security": "none",
        "from": "bochiso@example.gov.vn", "to": ["van-phong@example.gov.vn"], "timeout_seconds": 2,
    } | changes  # fmt: skip


def hook(server: HttpReceiver, **changes: Any) -> dict[str, Any]:
    entry = {
        "name": "hook",
        "kind": "webhook",
        "shape": "json",
        "url": f"{server.url}/alerts",
        "timeout_seconds": 2,
    }
    return entry | changes


ALL = "inputs_missing/H44/2026-10/D1:t-3+D2:t-3+D3:t-3+D4:t-3"


# --- the log alone --------------------------------------------------------------------------------


def test_an_empty_ledger_is_filled_and_what_lacks_is_told_once(office: Office) -> None:
    (told,) = office.watch()
    assert told["event"] == ALL
    assert told["duties"] == ["D1", "D2", "D3", "D4"]
    assert told["channels"] == {"log": "sent"}
    assert "còn 3 ngày làm việc" in told["subject"]
    # the ledger never looked: the watcher itself found what lacks, by duty
    (message,) = office.log()
    assert "Cổng Dịch vụ công quốc gia: chưa có số liệu tháng 9/2026." in message["text"]
    duties = message["text"].split("\n\n")
    (d3,) = [part for part in duties if part.startswith("D3.")]
    assert d3.count("  + ") == 1
    assert office.watch() == []
    assert office.watch("2026-10-13 20:10") == []
    assert len(office.log()) == 1
    ((duty, channels, sent_at, attempts, text),) = office.rows().values()
    assert (duty, sent_at, attempts) == ("D1, D2, D3, D4", at("2026-10-13 07:10"), 1)
    assert channels["log"]["state"] == "sent"
    assert text == f"{message['subject']}\n\n{message['text']}"


def test_a_period_runs_its_course(office: Office) -> None:
    """Watched early and late each day: warned, failed, missed, late."""
    told: list[tuple[str, str]] = []

    def days(first: int, last: int, *hours: str) -> None:
        for day in range(first, last + 1):
            for hour in hours:
                told.extend((row["kind"], f"{day} {hour}") for row in office.watch(f"2026-10-{day} {hour}"))

    days(12, 14, "00:10", "20:10")
    days(15, 15, "00:10", "04:10")
    office.set("D1 D2 D3 D4", failure="the portal answers HTTP 503", failed_at=at("2026-10-15 04:40"))
    days(15, 15, "05:10", "20:10")
    days(16, 17, "00:10", "20:10")
    days(18, 18, "00:10", "07:10")
    late = {
        "state": "released_late",
        "released_at": at("2026-10-18 08:00"),
        "failure": None,
        "failed_at": None,
    }
    office.set("D1 D2 D3 D4", **late)
    days(18, 18, "11:10", "20:10")
    days(19, 19, "00:10")
    assert told == [
        ("inputs_missing", "13 00:10"),
        ("inputs_missing", "15 00:10"),
        ("build_failed", "15 05:10"),
        ("due_today", "17 00:10"),
        ("missed", "18 00:10"),
        ("released_late", "18 11:10"),
    ]
    assert all(sent_at is not None for _, _, sent_at, _, _ in office.rows().values())


def test_a_watcher_that_was_off_tells_what_stands_now(office: Office) -> None:
    office.watch("2026-10-12 20:10")
    (told,) = office.watch("2026-10-16 07:10")
    assert told["event"] == ALL.replace("t-3", "t-1")
    assert "còn 1 ngày đến hạn gửi" in told["subject"]
    (late,) = office.watch("2026-10-19 07:10")
    assert late["kind"] == "missed"


# --- mail and webhook ---------------------------------------------------------------------------


def test_each_channel_gets_each_event_exactly_once(
    office: Office, mail_server: MailReceiver, http_server: HttpReceiver
) -> None:
    office.channels(smtp(mail_server), hook(http_server))
    hours = [
        "2026-10-13 07:10",
        "2026-10-13 08:10",
        "2026-10-15 07:10",
        "2026-10-15 08:10",
        "2026-10-17 07:10",
        "2026-10-18 00:10",
    ]
    told = [row for hour in hours for row in office.watch(hour)]
    assert [row["kind"] for row in told] == ["inputs_missing", "inputs_missing", "due_today", "missed"]
    assert {tuple(row["channels"].items()) for row in told} == {
        (("log", "sent"), ("mail", "sent"), ("hook", "sent"))
    }
    assert [mail["Subject"] for mail in mail_server.mails] == [row["subject"] for row in told]
    assert len({mail["Message-ID"] for mail in mail_server.mails}) == 4
    assert [body["key"] for body in http_server.posts] == [row["event"] for row in told]
    assert [body["key"] for body in office.log()] == [row["event"] for row in told]


def test_a_mail_server_that_is_down_is_told_later_and_the_others_are_not_told_again(
    office: Office, mail_server: MailReceiver, http_server: HttpReceiver
) -> None:
    office.channels(smtp(mail_server), hook(http_server))
    mail_server.stop()
    for hour in ("2026-10-13 07:10", "2026-10-13 08:10"):
        with pytest.raises(Transient, match="mail: the mail server") as caught:
            office.watch(hour)
        assert "hook" not in caught.value.message
    _, channels, sent_at, attempts, _ = office.rows()[ALL]
    assert (channels["mail"]["state"], sent_at, attempts) == ("failed", None, 4)
    mail_server.start()
    (told,) = office.watch("2026-10-13 09:10")
    assert told["channels"] == {"mail": "sent"}
    assert (len(mail_server.mails), len(http_server.posts), len(office.log())) == (1, 1, 1)
    assert office.rows()[ALL][2] == at("2026-10-13 09:10")
    assert office.watch("2026-10-13 10:10") == []


def test_what_stood_while_a_channel_was_down_is_told_in_the_words_of_now(
    office: Office, mail_server: MailReceiver
) -> None:
    office.channels(smtp(mail_server))
    mail_server.stop()
    for hour in ("2026-10-13 07:10", "2026-10-15 07:10"):
        with pytest.raises(Transient):
            office.watch(hour)
    mail_server.start()
    office.watch("2026-10-16 07:10")
    (mail,) = mail_server.mails
    assert "còn 1 ngày đến hạn gửi" in mail["Subject"]
    assert len(office.log()) == 2


def test_a_duty_that_joins_while_a_channel_is_down_is_told_once_everywhere(
    office: Office, mail_server: MailReceiver
) -> None:
    office.channels(smtp(mail_server))
    office.watch("2026-10-01 07:10")  # the rows are made
    mail_server.stop()
    office.set("D1", failure="no", failed_at=at("2026-10-05 05:00"))
    with pytest.raises(Transient):
        office.watch("2026-10-05 07:10")
    office.set("D2", failure="no", failed_at=at("2026-10-05 05:00"))
    mail_server.start()
    office.watch("2026-10-05 08:10")
    assert [record["duties"] for record in office.log()] == [["D1"], ["D2"]]
    (mail,) = mail_server.mails
    assert "D1." in mail.get_content()
    assert "D2." in mail.get_content()
    assert all(sent_at is not None for _, _, sent_at, _, _ in office.rows().values())
    assert office.watch("2026-10-05 09:10") == []


def test_what_one_channel_was_told_along_another_still_hears(
    office: Office, mail_server: MailReceiver
) -> None:
    """The log heard "due today" before the draft was built, the mail server only after: both hear of both."""
    office.channels(smtp(mail_server))
    office.watch("2026-10-16 23:00")
    mail_server.stop()
    with pytest.raises(Transient):
        office.watch("2026-10-17 07:10")
    office.set("D1", failure="no", failed_at=at("2026-10-17 07:30"))
    mail_server.start()
    (first, second) = office.watch("2026-10-17 08:10")
    assert {first["kind"]: first["channels"], second["kind"]: second["channels"]} == {
        "build_failed": {"log": "sent"},
        "due_today": {"mail": "sent"},
    }
    assert "Lỗi lần gần nhất" in mail_server.mails[-1].get_content()
    assert office.watch("2026-10-17 09:10") == []
    assert all(sent_at is not None for _, _, sent_at, _, _ in office.rows().values())


def test_a_receiver_that_fails_for_good_turns_the_run_red_and_the_others_hear(
    office: Office, mail_server: MailReceiver, http_server: HttpReceiver
) -> None:
    office.channels(smtp(mail_server), hook(http_server))
    http_server.answers = [(404, {}, b"")]
    with pytest.raises(Terminal, match=r"hook: 127\.0\.0\.1 answers HTTP 404"):
        office.watch()
    assert len(mail_server.mails) == 1
    assert office.watch()[0]["channels"] == {"hook": "sent"}


def test_a_message_that_is_refused_does_not_keep_the_others_back(
    office: Office, http_server: HttpReceiver
) -> None:
    office.channels(hook(http_server))
    office.watch("2026-12-10 07:10")
    http_server.answers = [(400, {}, b"")]
    with pytest.raises(Terminal, match="does not take the message"):
        office.watch("2026-12-17 07:10")  # month, quarter and year are due
    assert len(http_server.taken) == 2
    office.watch("2026-12-17 08:10")
    assert len({body["key"] for body in http_server.taken}) == len(http_server.taken) == 3


def test_a_refused_recipient_turns_the_run_red_once(office: Office, mail_server: MailReceiver) -> None:
    office.channels(smtp(mail_server, to=["a@example.gov.vn", "b@example.gov.vn"]))
    mail_server.refused_recipients = {"b@example.gov.vn": "550 unknown"}
    with pytest.raises(Terminal, match=r"b@example\.gov\.vn"):
        office.watch()
    assert mail_server.recipients == [["a@example.gov.vn"]]
    assert office.watch() == []


def test_december_has_a_message_for_month_quarter_and_year(office: Office) -> None:
    told = office.watch("2026-12-17 07:10")
    assert sorted(row["period_id"] for row in told) == ["2026", "2026-12", "2026-Q4"]
    assert {row["kind"] for row in told} == {"due_today"}


def test_channels_hear_what_they_asked_for(
    office: Office, mail_server: MailReceiver, http_server: HttpReceiver
) -> None:
    office.channels(smtp(mail_server, severity="urgent"), hook(http_server, provinces=["H06"]))
    office.watch("2026-10-13 07:10")  # a warning
    assert (mail_server.mails, http_server.posts) == ([], [])
    assert office.rows()[ALL][2] is not None  # nobody else is waited for
    office.watch("2026-10-15 07:10")
    assert (len(mail_server.mails), len(http_server.posts)) == (1, 0)


def test_a_channel_added_later_is_told_what_comes_not_what_was(
    office: Office, http_server: HttpReceiver
) -> None:
    office.watch("2026-10-13 07:10")
    office.channels(hook(http_server))
    assert office.watch("2026-10-13 08:10") == []
    office.watch("2026-10-15 07:10")
    assert [body["kind"] for body in http_server.posts] == ["inputs_missing"]


def test_hostile_words_in_the_ledger_stay_words(
    office: Office, mail_server: MailReceiver, http_server: HttpReceiver
) -> None:
    office.channels(smtp(mail_server), hook(http_server))
    office.watch("2026-10-01 07:10")
    office.set(
        "D3",
        failure=HOSTILE.replace("\x00", ""),
        name_vi=HOSTILE.replace("\x00", ""),
        failed_at=at("2026-10-05 05:00"),
    )
    (told,) = office.watch("2026-10-05 07:10")
    (mail,) = mail_server.mails
    assert mail["Bcc"] is None
    assert mail_server.recipients == [["van-phong@example.gov.vn"]]
    assert "\u202e" not in http_server.posts[0]["text"] + told["subject"]


# --- broken files, secrets ------------------------------------------------------------------------


def test_a_broken_channel_file_is_told_and_the_log_is_written_all_the_same(
    office: Office, http_server: HttpReceiver
) -> None:
    office.channels(hook(http_server, shape="pigeon"))
    for _ in range(2):
        with pytest.raises(Terminal, match=r"alerts\.yml.*hook.*shape is one of"):
            office.watch()
    assert len(office.log()) == 1
    # once it is mended, the channel hears what it missed
    office.channels(hook(http_server))
    office.watch("2026-10-13 08:10")
    assert [body["key"] for body in http_server.posts] == [ALL]


def test_a_missing_secret_is_told_and_the_others_hear(office: Office, mail_server: MailReceiver) -> None:
    office.channels(smtp(mail_server), smtp(mail_server, name="anders", user="a", password_env="ABSENT"))
    with pytest.raises(Terminal, match="anders: channel 'anders': password_env names ABSENT"):
        office.watch()
    assert len(mail_server.mails) == 1


def test_the_password_is_in_no_log_no_error_and_no_table(
    office: Office, mail_server: MailReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    office.channels(smtp(mail_server, user="bochiso", password_env="MAIL_PASSWORD"))
    with pytest.raises(Terminal) as caught:  # the server offers no login
        office.watch()
    shown = caplog.text + repr(caught.value) + str(office.rows()) + str(office.log())
    assert "mail" in shown
    assert PASSWORD not in shown


# --- crashes, and two at once ---------------------------------------------------------------------


def test_a_crash_between_two_channels_loses_and_repeats_nothing(
    office: Office, mail_server: MailReceiver, http_server: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.channels(smtp(mail_server), hook(http_server))

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(webhook.WebhookChannel, "tell", dies)
        with pytest.raises(KeyboardInterrupt):
            office.watch()
    assert (len(mail_server.mails), len(http_server.posts)) == (1, 0)
    (told,) = office.watch()
    assert told["channels"] == {"hook": "sent"}
    assert (len(mail_server.mails), len(http_server.posts), len(office.log())) == (1, 1, 1)


def test_two_watchers_at_once_tell_each_event_once(office: Office, http_server: HttpReceiver) -> None:
    office.channels(hook(http_server))
    office.watch("2026-10-12 07:10")
    office.now = at("2026-10-13 07:10")
    told: list[dict[str, Any]] = []
    threads = [threading.Thread(target=lambda: told.extend(office.watch())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == len(http_server.posts) == len(office.log()) == 1


def test_a_watcher_that_waits_too_long_comes_back_later(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.watch()
    monkeypatch.setattr("etl.watch_ledger._LOCK_WAIT", "200ms")
    with one_watcher(office.warehouse), pytest.raises(Transient, match="another watcher"):
        office.watch()


def test_the_loader_may_not_delete_what_was_told(office: Office) -> None:
    office.watch()
    with office.warehouse.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("DELETE FROM ops.notification")


# --- the deadline alert, and the terminal ---------------------------------------------------------


def test_the_deadline_alert_and_the_watcher_tell_the_same_once(office: Office) -> None:
    office.now = at("2026-12-18 00:00:05")
    told = deadline_passed(office.settings, "monthly_report", "run-1", "2026-12", office.clock, secrets={})
    assert told == []  # made just now, and past: the ledger knows of nothing that was owed
    office.now = at("2026-10-17 23:00")
    office.watch()
    office.now = at("2026-10-18 00:00:05")
    (missed,) = deadline_passed(
        office.settings, "monthly_report", "run-1", "2026-10", office.clock, secrets={}
    )
    assert (missed["kind"], missed["period_id"]) == ("missed", "2026-10")
    assert (
        deadline_passed(office.settings, "monthly_report", "run-1", "2026-10", office.clock, secrets={}) == []
    )
    assert office.watch("2026-10-18 00:10") == []


def test_the_alert_of_one_period_leaves_the_others_to_the_watcher(office: Office) -> None:
    office.now = at("2026-12-17 07:00")
    keys = [("monthly_report", "2026-12"), ("quarterly_report", "2026-Q4"), ("annual_report", "2026")]
    for dag_id, key in keys:
        (told,) = deadline_passed(office.settings, dag_id, "run", key, office.clock, secrets={})
        assert told["period_id"] == key
    assert office.watch() == []


def test_the_preliminary_runs_key_names_its_period(office: Office) -> None:
    office.now = at("2026-02-13 14:00")
    (told,) = deadline_passed(
        office.settings, "monthly_report", "run", "2026-02/preliminary", office.clock, secrets={}
    )
    assert (told["kind"], told["period_id"]) == ("inputs_missing", "2026-02")


def test_a_run_without_a_key_looks_at_everything(office: Office) -> None:
    told = deadline_passed(office.settings, "monthly_report", "manual", None, office.clock, secrets={})
    assert [row["event"] for row in told] == [ALL]


@pytest.mark.parametrize(
    ("dag_id", "key"),
    [("monthly_report", "2026-Q3"), ("monthly_report", "soon"), ("ingest_inbox", "2026-10")],
)
def test_a_key_that_is_no_period_of_the_dag_is_refused(office: Office, dag_id: str, key: str) -> None:
    with pytest.raises(UnknownName):
        deadline_passed(office.settings, dag_id, "run", key, office.clock, secrets={})


def test_the_terminal_sees_what_the_watcher_sees(office: Office) -> None:
    office.now = at("2026-10-12 23:00")
    assert strict_exit(current_statuses(office.settings, office.clock), office.now) == (0, [])
    office.now = at("2026-10-13 07:10")
    code, lines = strict_exit(current_statuses(office.settings, office.clock), office.now)
    assert (code, len(lines)) == (5, 4)
    office.now = at("2026-10-17 07:10")
    assert strict_exit(current_statuses(office.settings, office.clock), office.now)[0] == 3
    assert office.rows() == {}  # looking tells nobody


def test_without_secrets_from_the_edge_the_environment_of_the_process_is_used(
    office: Office, http_server: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALERT_URL", f"{http_server.url}/x")
    office.channels({"name": "s", "kind": "webhook", "shape": "slack", "url_env": "ALERT_URL"})
    (told,) = watch(office.settings, office.clock)
    assert told["channels"] == {"log": "sent", "s": "sent"}


def test_what_a_run_returns_is_json(office: Office) -> None:
    assert json.loads(json.dumps(office.watch()))[0]["event"] == ALL


def test_an_office_without_the_right_to_write_its_log_is_told(office: Office, tmp_path: Path) -> None:
    office.settings.home.mkdir(parents=True, exist_ok=True)
    (office.settings.home / "logs").write_text("in the way")
    with pytest.raises(Terminal, match="alert log"):
        office.watch()


def test_the_modules_clock_is_the_one_it_is_given() -> None:
    """Guard of the simulated office: nothing in the watcher knows another clock."""
    checked: list[Callable[..., Any]] = [watcher.watch, watcher.deadline_passed, watcher.current_statuses]
    assert all("clock" in function.__annotations__ for function in checked)
