"""Webhooks against a real server on 127.0.0.1: shapes, escapes, retries, and nothing secret in any log."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import replace
from typing import Any

import pytest
from local_receivers import HttpReceiver, drips, free_port, never_answers
from notify_cases import hostile, sample, status
from pydantic import SecretStr

from etl.errors import BochisoError
from etl.notify.faults import ChannelUnclear, ChannelUnreachable, ChannelUnusable, MessageRefused
from etl.notify.message import Message
from etl.notify.shapes import load_shapes
from etl.notify.webhook import WebhookChannel

SHAPES = load_shapes()
TOKEN = "the-rat-bi-mat"
HOSTILE_MESSAGE = sample(hostile(), "2026-10-15 10:10")


class Waits(list[float]):
    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def channel(server: HttpReceiver | int, shape: str = "json", **changes: Any) -> WebhookChannel:
    base = server.url if isinstance(server, HttpReceiver) else f"http://127.0.0.1:{server}"
    needs = SHAPES[shape].needs
    values: dict[str, Any] = {
        "url": SecretStr(f"{base}/services/T000/B000"),
        "shape": SHAPES[shape],
        "recipient": "123456" if "recipient" in needs else None,
        "token": SecretStr(TOKEN) if "token" in needs else None,
        "timeout_seconds": 2.0,
        "sleep": Waits(),
    }
    return WebhookChannel(**(values | changes))


def fails(one: WebhookChannel, said: Message | None = None) -> BochisoError:
    with pytest.raises((ChannelUnclear, ChannelUnreachable, ChannelUnusable, MessageRefused)) as caught:
        one.tell(said or sample())
    return caught.value


# --- shapes -------------------------------------------------------------------------------------


def test_json_has_every_field(http_server: HttpReceiver) -> None:
    said = sample()
    assert channel(http_server, token=SecretStr(TOKEN)).tell(said).text == "HTTP 200"
    assert http_server.posts == [said.record()]
    assert http_server.headers[0]["authorization"] == f"Bearer {TOKEN}"
    assert http_server.headers[0]["idempotency-key"] == said.key
    assert http_server.paths == ["/services/T000/B000"]


def test_slack_reads_no_markup_mention_or_link(http_server: HttpReceiver) -> None:
    channel(http_server, "slack").tell(HOSTILE_MESSAGE)
    (body,) = http_server.posts
    assert body["mrkdwn"] is False
    assert set(body) == {"text", "mrkdwn", "unfurl_links", "unfurl_media"}
    assert "<" not in body["text"]
    assert ">" not in body["text"]
    assert "&lt;!channel&gt;" in body["text"]
    assert "&lt;script&gt;" in body["text"]


def test_teams_gets_a_card_of_text_runs_that_read_no_markdown(http_server: HttpReceiver) -> None:
    channel(http_server, "teams").tell(HOSTILE_MESSAGE)
    (body,) = http_server.posts
    (attachment,) = body["attachments"]
    card = attachment["content"]
    assert body["type"] == "message"
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    runs = [run for block in card["body"] for run in block["inlines"]]
    assert {run["type"] for run in runs} == {"TextRun"}
    assert runs[0]["text"] == HOSTILE_MESSAGE.subject
    assert [run["text"] for run in runs[1:]] == [line for line in HOSTILE_MESSAGE.text.split("\n") if line]
    assert len(json.dumps(body, ensure_ascii=False).encode()) < 28_000


def test_zalo_official_account(http_server: HttpReceiver) -> None:
    http_server.body = b'{"error": 0, "message": "Success"}'
    channel(http_server, "zalo").tell(sample())
    (body,) = http_server.posts
    assert body["recipient"] == {"user_id": "123456"}
    assert body["message"]["text"].startswith(sample().subject)
    assert http_server.headers[0]["access_token"] == TOKEN


def test_zalo_bot(http_server: HttpReceiver) -> None:
    http_server.body = b'{"ok": true, "result": {"message_id": "1"}}'
    channel(http_server, "zalo_bot").tell(sample())
    assert set(http_server.posts[0]) == {"chat_id", "text"}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_long_message_is_cut_to_what_the_receiver_takes(shape: str) -> None:
    long = replace(sample(), text="".join(f"{no}. dòng {'x' * 90}\n" for no in range(900)))
    body = SHAPES[shape].filled(long, "1")
    if shape == "json":
        assert body["text"] == long.text  # programs get it whole
        return
    text = json.dumps(body, ensure_ascii=False)
    assert len(text.encode()) < 28_000
    assert "ký tự, xem bochiso status" in text


def test_many_short_lines_do_not_outgrow_a_card() -> None:
    body = SHAPES["teams"].filled(replace(sample(), text="ữ\n" * 9000), None)
    assert len(json.dumps(body, ensure_ascii=False).encode()) < 28_000
    assert len(body["attachments"][0]["content"]["body"]) == 1 + 120


@pytest.mark.parametrize("shape", SHAPES)
def test_words_that_look_like_placeholders_stay_words(shape: str) -> None:
    said = replace(sample(), subject="{recipient}", text="{record}\n{subject}\n")
    text = json.dumps(SHAPES[shape].filled(said, "nguoi-nhan"))
    assert "{record}" in text
    assert text.count("nguoi-nhan") == ("recipient" in SHAPES[shape].needs)


# --- what the receiver answers --------------------------------------------------------------------


@pytest.mark.parametrize("status_code", [429, 500, 502, 503])
def test_a_busy_receiver_is_tried_again_and_told_once(http_server: HttpReceiver, status_code: int) -> None:
    http_server.answers = [(status_code, {}, b""), (status_code, {}, b"")]
    one = channel(http_server)
    one.tell(sample())
    assert len(http_server.posts) == 3
    assert len(http_server.taken) == 1
    assert one.sleep == [1.0, 2.0]


def test_a_busy_receiver_is_given_up_after_so_many_tries(http_server: HttpReceiver) -> None:
    http_server.answers = [(503, {}, b"")] * 9
    fault = fails(channel(http_server, attempts=2))
    assert isinstance(fault, ChannelUnreachable)
    assert "HTTP 503" in fault.message
    assert len(http_server.posts) == 2


@pytest.mark.parametrize(
    ("asked", "waited"), [("3", 3.0), ("86400", 10.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 1.0), ("-1", 1.0)]
)
def test_the_wait_a_receiver_asks_for_is_kept_within_bounds(
    http_server: HttpReceiver, asked: str, waited: float
) -> None:
    http_server.answers = [(429, {"Retry-After": asked}, b"")]
    one = channel(http_server)
    one.tell(sample())
    assert one.sleep == [waited]


@pytest.mark.parametrize(
    ("code", "kind"),
    [(401, ChannelUnusable), (403, ChannelUnusable), (404, ChannelUnusable), (302, ChannelUnusable),
     (400, MessageRefused), (413, MessageRefused), (422, MessageRefused)],
)  # fmt: skip
def test_what_a_person_must_mend_is_not_tried_again(
    http_server: HttpReceiver, code: int, kind: type[BochisoError]
) -> None:
    http_server.answers = [(code, {"Location": "http://127.0.0.1:1/"}, b"no")]
    assert type(fails(channel(http_server))) is kind
    assert len(http_server.posts) == 1


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b'{"error": -216, "message": "Access token is invalid"}', ChannelUnusable),
     (b'{"error": -32}', ChannelUnreachable), (b'{"error": -213}', MessageRefused), (b'{"error": false}', MessageRefused),
     (b"{}", MessageRefused), (b"[]", MessageRefused), (b"<html>", MessageRefused), (b"[" * 60_000, MessageRefused)],
)  # fmt: skip
def test_zalo_says_200_also_when_it_refuses(
    http_server: HttpReceiver, body: bytes, kind: type[BochisoError]
) -> None:
    http_server.body = body
    assert type(fails(channel(http_server, "zalo", attempts=1))) is kind


def test_nobody_there() -> None:
    one = channel(free_port(), attempts=3)
    assert isinstance(fails(one), ChannelUnreachable)
    assert one.sleep == [1.0, 2.0]


def test_a_receiver_that_takes_the_message_and_never_answers_is_not_told_twice_in_a_run(
    http_server: HttpReceiver,
) -> None:
    http_server.answers = [never_answers(1.5)]
    fault = fails(channel(http_server, timeout_seconds=0.3))
    assert isinstance(fault, ChannelUnclear)
    assert len(http_server.posts) == 1


def test_an_answer_that_drips_is_not_waited_for(http_server: HttpReceiver) -> None:
    http_server.answers = [drips(8)]
    begun = time.monotonic()
    assert channel(http_server, timeout_seconds=0.3).tell(sample()).text == "HTTP 200"
    assert time.monotonic() - begun < 4


# --- secrets ------------------------------------------------------------------------------------


def test_address_and_token_are_nowhere(http_server: HttpReceiver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").info("somebody else's call passes")
    http_server.answers = [(200, {}, b""), (500, {}, b""), (404, {}, b""), never_answers(0.6)]
    path = "T000-duong-dan-bi-mat"
    one = channel(
        http_server,
        url=SecretStr(f"{http_server.url}/{path}"),
        token=SecretStr(TOKEN),
        timeout_seconds=0.3,
        attempts=1,
    )
    one.tell(sample(status()))
    told = [fails(one) for _ in range(3)]
    told.append(fails(replace(one, url=SecretStr(f"http://127.0.0.1:{free_port()}/{path}"))))
    told.append(fails(replace(one, url=SecretStr(f"http://127.0.0.1:999999/{path}"))))
    told.append(fails(replace(one, url=SecretStr(f"gopher://127.0.0.1/{path}"))))
    chain = [repr(link) for fault in told for link in (fault, fault.__cause__, fault.__context__)]
    shown = caplog.text + repr(one) + "".join(chain) + "".join(map(str, told))
    assert http_server.paths[0] == f"/{path}"
    assert "somebody else's call passes" in caplog.text
    assert path not in shown
    assert TOKEN not in shown
