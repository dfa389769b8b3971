"""The channel file: every mistake is named with its key; secrets are elsewhere, and shown nowhere."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from etl.errors import BochisoError, Terminal
from etl.notify.channels import Channel, open_channels
from etl.notify.config import load_entries
from etl.notify.faults import ChannelUnusable
from etl.notify.log_file import LogFileChannel
from etl.notify.smtp import SmtpChannel
from etl.notify.webhook import WebhookChannel
from etl.settings import PROJECT_ROOT

SECRET = "hunter2-khong-ai-biet"
SMTP = {
    "name": "mail", "kind": "smtp", "host": "mail.example.gov.vn", "port": 587, "security": "starttls",
    "from": "a@example.gov.vn", "to": ["b@example.gov.vn"],
}  # fmt: skip
HOOK = {"name": "hook", "kind": "webhook", "shape": "json", "url": "https://hook.example.gov.vn/x"}


def written(folder: Path, *entries: dict[str, Any]) -> Path:
    path = folder / "alerts.yml"
    path.write_text(yaml.safe_dump({"channels": list(entries)}), encoding="utf-8")
    return path


def opened(
    folder: Path, *entries: dict[str, Any], secrets: dict[str, str] | None = None
) -> dict[str, Channel]:
    channels = open_channels(written(folder, *entries), folder / "logs", secrets or {})
    return {channel.name: channel for channel in channels}


def test_without_a_file_the_log_is_the_only_channel(tmp_path: Path) -> None:
    (only,) = open_channels(tmp_path / "alerts.yml", tmp_path / "logs", {})
    assert only.carrier == LogFileChannel(tmp_path / "logs")


def test_the_log_is_always_among_them(tmp_path: Path) -> None:
    assert list(opened(tmp_path, SMTP)) == ["log", "mail"]
    assert list(opened(tmp_path, SMTP | {"name": "log"})) == ["log-file", "log"]
    assert list(opened(tmp_path, SMTP, {"name": "so-nhat-ky", "kind": "log_file"})) == ["mail", "so-nhat-ky"]


def test_the_shipped_example_can_be_used(tmp_path: Path) -> None:
    example = PROJECT_ROOT / "etl" / "notify" / "alerts.example.yml"
    shutil.copy(example, tmp_path / "alerts.yml")
    (tmp_path / "secrets").mkdir()
    for name in ("mail.txt", "zalo-token.txt"):
        path = tmp_path / "secrets" / name
        path.write_text(SECRET + "\n")
        path.chmod(0o600)
    channels = open_channels(
        tmp_path / "alerts.yml", tmp_path / "logs", {"BAO_TEAMS_URL": f"https://teams.example.com/{SECRET}"}
    )
    assert [type(one.carrier) for one in channels] == [
        LogFileChannel,
        SmtpChannel,
        WebhookChannel,
        WebhookChannel,
    ]
    assert SECRET not in repr(channels) + str(channels)
    # every key the entries know stands in the example, so that the remedy "see the example" is true
    text = example.read_text(encoding="utf-8")
    for key in ("host", "port", "security", "user", "from", "to", "ca_file", "shape", "url", "recipient", "severity",
                "provinces", "timeout_seconds", "attempts", "_env", "_file"):  # fmt: skip
        assert re.search(rf"{key}\b", text), key


BROKEN = [
    ("channels: [", "is no YAML at line 1", "mend"),
    ("channels: []", "channels", "mend"),
    ("- a", "cannot be used", "mend"),
    ("", "cannot be used", "mend"),
]


@pytest.mark.parametrize(("text", "named", "remedy"), BROKEN)
def test_a_file_that_is_no_list_of_channels_is_refused(
    tmp_path: Path, text: str, named: str, remedy: str
) -> None:
    path = tmp_path / "alerts.yml"
    path.write_text(text)
    with pytest.raises(Terminal) as caught:
        load_entries(path)
    assert named in caught.value.message
    assert str(path) in caught.value.message
    assert "etl/notify/alerts.example.yml" in caught.value.remedy
    assert remedy in caught.value.remedy


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "alerts.yml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Terminal, match=r"UTF-8|YAML"):
        load_entries(path)


MISTAKES = [
    (SMTP | {"prot": 25}, "mail.prot"),
    ({key: value for key, value in SMTP.items() if key != "host"}, "mail.host"),
    (SMTP | {"port": "587"}, "mail.port"),
    (SMTP | {"port": 0}, "mail.port"),
    (SMTP | {"security": "tls"}, "mail.security"),
    (SMTP | {"security": False}, "mail.security"),  # YAML's bare no
    (SMTP | {"host": "mail.example.gov.vn/x"}, "mail.host"),
    (SMTP | {"from": "Văn phòng <a@example.gov.vn>"}, "mail.from"),
    (SMTP | {"to": []}, "mail.to"),
    (SMTP | {"to": ["a@example.gov.vn\nBcc: x@example.com"]}, "mail.to"),
    (SMTP | {"user": "a"}, "mail: user and a password"),
    (SMTP | {"password_env": "X"}, "mail: user and a password"),
    (SMTP | {"user": "a", "password_env": "X", "password_file": "x"}, "mail: password_env and password_file"),
    (SMTP | {"user": "a", "password": SECRET}, "mail.password"),
    (SMTP | {"user": "a", "password_env": "X", "security": "none"}, "in clear"),
    (SMTP | {"user": "a", "password_env": "not a name"}, "mail.password_env"),
    (SMTP | {"severity": "loud"}, "mail.severity"),
    (SMTP | {"name": "Mail Room"}, "Mail Room.name"),
    (HOOK | {"kind": "pigeon"}, "hook"),
    (HOOK | {"shape": "telegram"}, "shape is one of"),
    (HOOK | {"url": "http://hook.example.gov.vn/x"}, "https"),
    (HOOK | {"url": f"https://user:{SECRET}@hook.example.gov.vn/x"}, "neither user nor password"),
    (HOOK | {"url": "file:///etc/passwd"}, "hook"),
    (HOOK | {"url_env": "X"}, "exactly one of url"),
    (HOOK | {"shape": "slack", "url": f"https://hooks.slack.com/services/{SECRET}"}, "is a password"),
    (HOOK | {"shape": "zalo"}, "needs token"),
    (HOOK | {"shape": "zalo", "token_env": "X"}, "needs a recipient"),
    (HOOK | {"recipient": "1"}, "has no recipient"),
    (HOOK | {"shape": "teams", "url_env": "X", "token_env": "Y", "url": None}, "has no token"),
    (HOOK | {"token": SECRET}, "hook.token"),
    (HOOK | {"attempts": 50}, "hook.attempts"),
]


@pytest.mark.parametrize(("entry", "named"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_named_with_its_key_and_never_with_its_value(
    tmp_path: Path, entry: dict[str, Any], named: str
) -> None:
    with pytest.raises(Terminal) as caught:
        load_entries(written(tmp_path, entry))
    assert named in caught.value.message
    assert SECRET not in repr(caught.value) + str(caught.value)
    assert caught.value.__context__ is None


def test_a_name_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Terminal, match="hook more than once"):
        load_entries(written(tmp_path, HOOK, HOOK))


# --- secrets ------------------------------------------------------------------------------------


def fault(channel: Channel) -> BochisoError:
    assert isinstance(channel.carrier, ChannelUnusable)
    return channel.carrier


def test_a_variable_is_looked_up_in_what_the_edge_hands_over_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", SECRET)
    entry = SMTP | {"user": "a", "password_env": "MAIL_PASSWORD"}
    without = fault(opened(tmp_path, entry)["mail"])
    assert "password_env names MAIL_PASSWORD" in without.message
    carrier = opened(tmp_path, entry, secrets={"MAIL_PASSWORD": SECRET})["mail"].carrier
    assert isinstance(carrier, SmtpChannel)
    assert carrier.password is not None
    assert carrier.password.get_secret_value() == SECRET


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_file_is_read(tmp_path: Path, mode: int) -> None:
    (tmp_path / "word").write_text(f"{SECRET}\n")
    (tmp_path / "word").chmod(mode)
    carrier = opened(tmp_path, SMTP | {"user": "a", "password_file": "word"})["mail"].carrier
    assert isinstance(carrier, SmtpChannel)
    assert carrier.password is not None
    assert carrier.password.get_secret_value() == SECRET


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "word").write_text(SECRET)
    (tmp_path / "word").chmod(mode)
    told = fault(opened(tmp_path, SMTP | {"user": "a", "password_file": "word"})["mail"])
    assert f"{mode:04o}" in told.message
    assert "chmod 600" in told.remedy


@pytest.mark.parametrize(
    "content", [b"", b"  \n", b"a\nb", b"a\x00b", b"\xff\xfe" + SECRET.encode(), b"a" * 9000]
)
def test_a_file_without_one_line_of_text_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "word").write_bytes(content)
    (tmp_path / "word").chmod(0o600)
    told = fault(opened(tmp_path, SMTP | {"user": "a", "password_file": "word"})["mail"])
    assert "password" in told.message
    assert SECRET not in repr(told) + repr(told.__cause__) + repr(told.__context__)


@pytest.mark.parametrize("name", ["absent", "."])
def test_a_file_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    told = fault(opened(tmp_path, SMTP | {"user": "a", "password_file": name})["mail"])
    assert "password_file" in told.message


def test_a_secret_address_is_checked_and_not_shown(tmp_path: Path) -> None:
    entry = {"name": "s", "kind": "webhook", "shape": "slack", "url_env": "U"}
    told = fault(opened(tmp_path, entry, secrets={"U": f"http://hooks.slack.com/{SECRET}"})["s"])
    assert "https://" in told.message
    assert SECRET not in repr(told) + repr(told.__context__)
    fine = opened(tmp_path, entry, secrets={"U": f"https://hooks.slack.com/{SECRET}"})
    assert isinstance(fine["s"].carrier, WebhookChannel)
    assert SECRET not in repr(fine)


def test_one_channel_that_cannot_be_used_does_not_take_the_others_along(tmp_path: Path) -> None:
    channels = opened(tmp_path, SMTP | {"user": "a", "password_env": "X"}, HOOK)
    assert isinstance(channels["mail"].carrier, ChannelUnusable)
    assert isinstance(channels["hook"].carrier, WebhookChannel)


def test_a_channel_hears_its_provinces_from_its_severity_on(tmp_path: Path) -> None:
    channel = opened(tmp_path, HOOK | {"provinces": ["H44"], "severity": "warning"})["hook"]
    heard = [(code, severity) for code in ("H44", "H06") for severity in ("info", "warning", "urgent")
             if channel.hears(code, severity)]  # type: ignore[arg-type]  # fmt: skip
    assert heard == [("H44", "warning"), ("H44", "urgent")]
