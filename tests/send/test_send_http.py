"""HTTP PUT: login, certificates, answers of every class, WebDAV and plain servers."""

from __future__ import annotations

import base64
import logging
from pathlib import Path
from typing import Any

import pytest
from sending_certificates import make_certificate
from sending_release import FOLDER, SECRET, TOKEN, WHOLE, Receiver, assert_untold, bring, target
from sending_web_server import WebReceiver

from etl.errors import Terminal, Transient
from etl.send import OutgoingFile, Target


def to_web(web: WebReceiver, **changes: Any) -> Target:
    keys = {
        "kind": "http_put",
        "url": web.url,
        "token_env": "GUI_TOKEN",
        "timeout_seconds": 20,
        "rename": "move" if web.webdav else "none",
    }
    return target(**{key: value for key, value in (keys | changes).items() if value is not None})


def holds(web: WebReceiver) -> dict[str, bytes]:
    return Receiver(to_web(web), web.root / "kho").holds()


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 423, 425, 429])
def test_a_busy_server_is_asked_again(status: int, web: WebReceiver, files: list[OutgoingFile]) -> None:
    web.faults = {"PUT": [status]}
    waits: list[float] = []
    told = bring(to_web(web), files, waits)
    assert (told.attempts, waits) == (2, [1.0])
    assert holds(web) == WHOLE


def test_a_server_that_stays_broken_is_left_after_the_tries(
    web: WebReceiver, files: list[OutgoingFile]
) -> None:
    web.faults = {"PUT": [503] * 9}
    waits: list[float] = []
    with pytest.raises(Transient, match=r"HTTP 503 no:.*\(after 4 tries\)"):
        bring(to_web(web, attempts=4), files, waits)
    assert waits == [1.0, 2.0, 4.0]
    assert len(web.faults["PUT"]) == 5
    assert holds(web) == {}


@pytest.mark.parametrize(
    ("method", "status", "words"),
    [
        ("PUT", 400, "ask the receiver"),
        ("PUT", 403, "the right to write"),
        ("PUT", 404, "the folder in url is not there"),
        ("PUT", 413, "make room"),
        ("PUT", 507, "make room"),
        ("PUT", 302, "we do not follow"),
        ("GET", 307, "we do not follow"),
        ("MOVE", 501, "rename: none"),
        ("GET", 405, "verify: size"),
        ("MKCOL", 409, "the folder in url is not there"),
        ("MOVE", 403, "the right to write"),
    ],
)
def test_what_a_person_must_mend_is_asked_once(
    method: str, status: int, words: str, web: WebReceiver, files: list[OutgoingFile]
) -> None:
    web.faults = {method: [status]}
    waits: list[float] = []
    with pytest.raises(Terminal, match=f"{method} .*HTTP {status}") as caught:
        bring(to_web(web), files, waits)
    assert words in caught.value.remedy
    assert waits == []
    assert [name for name in holds(web) if not name.endswith(".part")] == []
    web.faults = {}
    bring(to_web(web), files)
    assert holds(web) == WHOLE


def test_a_wrong_token_is_told_without_the_token(
    web: WebReceiver, files: list[OutgoingFile], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = "t0ken-of-yesterday"
    with pytest.raises(Terminal, match="HTTP 401") as caught:
        bring(to_web(web), files, secrets={"GUI_TOKEN": wrong})
    assert len(web.calls) == 1
    assert_untold(caught.value, caplog, wrong, TOKEN)


@pytest.mark.parametrize("status", [403, 503])
def test_a_server_that_repeats_what_we_sent_does_not_bring_it_into_the_log(
    status: int, web: WebReceiver, files: list[OutgoingFile], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    web.echo_authorization = True
    web.faults = {"PUT": [status] * 3}
    with pytest.raises((Terminal, Transient)) as caught:
        bring(to_web(web), files)
    assert "[secret]" in str(caught.value)
    assert_untold(caught.value, caplog, TOKEN)


@pytest.mark.parametrize("user", ["u", "us", "use", "tài-khoản"])
def test_user_and_password_log_in_and_stay_hidden(
    user: str, tmp_path: Path, files: list[OutgoingFile], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    login = base64.b64encode(f"{user}:{SECRET}".encode()).decode()
    with WebReceiver(tmp_path / "web", login=(user, SECRET)) as web:
        to = to_web(web, token_env=None, user=user, password_env="GUI_MAT_KHAU")
        assert bring(to, files).sent == 5
        web.echo_authorization = True
        web.faults = {"GET": [403]}
        with pytest.raises(Terminal, match="HTTP 403") as caught:
            bring(to, files)
        # However the user's name shifts it, hardly a letter of the encoded secret may be left.
        assert "[secret]" in caught.value.message
        assert_untold(caught.value, caplog, SECRET, login, login[-20:], login[12:-8])


def test_a_server_with_a_certificate_of_no_known_authority_gets_nothing(
    tmp_path: Path, files: list[OutgoingFile], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    certificate, context = make_certificate(tmp_path)
    with WebReceiver(tmp_path / "web", token=TOKEN).with_tls(context) as web:
        waits: list[float] = []
        with pytest.raises(Terminal, match="certificate is not accepted: self") as caught:
            bring(to_web(web), files, waits)
        assert "ca_file" in caught.value.remedy
        assert (web.calls, waits) == ([], [])
        assert_untold(caught.value, caplog, TOKEN)
        assert bring(to_web(web, ca_file=certificate), files).sent == 5
        assert holds(web) == WHOLE


def test_a_certificate_for_another_host_is_refused(tmp_path: Path, files: list[OutgoingFile]) -> None:
    certificate, context = make_certificate(tmp_path, "cong.example.gov.vn")
    with WebReceiver(tmp_path / "web", token=TOKEN).with_tls(context) as web:
        with pytest.raises(Terminal, match="certificate is not accepted"):
            bring(to_web(web, ca_file=certificate), files)
        assert web.calls == []


def test_a_ca_file_that_is_none_is_named(web: WebReceiver, files: list[OutgoingFile], tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(Terminal, match=r"ca_file .*ca\.pem cannot be used"):
        bring(to_web(web, ca_file=tmp_path / "ca.pem"), files)


def test_names_with_spaces_marks_and_signs_arrive_as_they_are(
    web: WebReceiver, files: list[OutgoingFile]
) -> None:
    odd = [*files, OutgoingFile("a b%20#&;=+'@đ.txt", files[4].path, files[4].sha256, 0, "text/plain")]
    bring(to_web(web), odd)
    assert set(holds(web)) == {*WHOLE, "a b%20#&;=+'@đ.txt"}


def test_the_media_type_and_our_headers_come_along(web: WebReceiver, files: list[OutgoingFile]) -> None:
    told = bring(to_web(web, headers={"X-Office": "H44"}), files)
    assert web.media_types[".scores.csv.part"] == "text/csv; charset=utf-8"
    assert 'MOVE phu_tho/2026-09/2/.manifest.json.part: HTTP 201, ETag "moved"' in told.receipt


@pytest.mark.parametrize(("method", "webdav"), [("MOVE", True), ("PUT", False)])
def test_an_answer_that_got_lost_sends_nothing_twice(
    method: str, webdav: bool, tmp_path: Path, files: list[OutgoingFile]
) -> None:
    with WebReceiver(tmp_path / "web", token=TOKEN, webdav=webdav) as web:
        web.faults = {method: ["lost"]}
        told = bring(to_web(web), files)
        assert told.attempts == 2
        assert holds(web) == WHOLE
        assert len(web.final) == len(set(web.final)) == 5


@pytest.mark.parametrize(("method", "webdav"), [("MOVE", True), ("PUT", False)])
def test_a_file_that_came_between_look_and_write_is_not_replaced(
    method: str, webdav: bool, tmp_path: Path, files: list[OutgoingFile]
) -> None:
    with WebReceiver(tmp_path / "web", token=TOKEN, webdav=webdav) as web:
        web.faults = {method: ["beaten"]}
        with pytest.raises(Terminal, match="another content"):
            bring(to_web(web), files)
        assert list(holds(web).values()) == [b"theirs"]


def test_a_file_that_arrives_changed_never_gets_its_final_name(
    web: WebReceiver, files: list[OutgoingFile]
) -> None:
    web.faults = {"PUT": ["garble"]}
    with pytest.raises(Transient, match="did not arrive as it was sent"):
        bring(to_web(web, attempts=1), files)
    assert holds(web) == {}
    assert web.final == []


def test_a_server_that_only_tells_sizes_is_served_by_size(
    web: WebReceiver, files: list[OutgoingFile]
) -> None:
    web.faults = {"GET": [403] * 99}
    told = bring(to_web(web, verify="size"), files)
    assert "size of every file agrees" in told.receipt
    assert holds(web) == WHOLE
    assert bring(to_web(web, verify="size"), files).sent == 0
    assert "GET" not in {method for method, _ in web.calls}


def test_a_silent_server_is_left_in_time(web: WebReceiver, files: list[OutgoingFile]) -> None:
    web.faults = {"GET": ["stall"]}
    with pytest.raises(Transient, match="no answer to GET"):
        bring(to_web(web, timeout_seconds=0.3, attempts=1), files)


def test_proxies_and_logins_of_the_environment_are_not_used(
    web: WebReceiver, files: list[OutgoingFile], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert bring(to_web(web), files).sent == 5


def test_a_token_no_header_can_carry_is_refused(web: WebReceiver, files: list[OutgoingFile]) -> None:
    with pytest.raises(Terminal, match="no HTTP header can carry") as caught:
        bring(to_web(web), files, secrets={"GUI_TOKEN": "mã bí mật"})
    assert "mã bí mật" not in str(caught.value)
    assert web.calls == []


def test_nothing_is_asked_outside_the_targets_folder(web: WebReceiver, files: list[OutgoingFile]) -> None:
    bring(to_web(web), files)
    assert len(web.calls) > 20
    assert [path for _, path in web.calls if not path.startswith(f"/kho/{FOLDER.split('/')[0]}")] == []
