from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from etl.errors import Terminal
from etl.sandbox import BadRequest, CapturedPortal

ENTRY = {
    "file": "body.json",
    "generation": 2,
    "endpoint": "evaluation/transparency",
    "request": {"timeType": "month", "year": 2026, "month": 8, "rootDepartmentId": "r", "currentPage": 1},
    "status": 201,
    "captured_at": "2026-09-26T18:14:39Z",
    "complete": True,
}


def folder_with(tmp_path: Path, *entries: object) -> Path:
    folder = tmp_path / "captures"
    folder.mkdir()
    (folder / "body.json").write_bytes(b'{ "code" :"OK"}\r\n')
    (folder / "manifest.json").write_text(json.dumps({"captures": entries}))
    return folder


@pytest.mark.parametrize("folder_name", [".", "derived-14-units"])
def test_serves_every_real_capture_byte_for_byte(real: Path, folder_name: str) -> None:
    folder = real / folder_name
    entries = json.loads((folder / "manifest.json").read_text())["captures"]
    assert len(entries) >= 6
    for entry in entries:
        at = datetime.fromisoformat(entry["captured_at"])
        found = CapturedPortal(folder, as_of=at).answer(entry["endpoint"], entry["request"])
        assert found == (folder / entry["file"]).read_bytes(), entry["file"]


def test_serves_what_was_known_at_the_instant(real: Path, ask: Callable[..., Any]) -> None:
    def total(as_of: datetime | None) -> int:
        portal = CapturedPortal(real, as_of)
        return int(ask(portal, "handling-satisfaction", "2026-08")["overview"]["totalDossiers"])

    assert total(datetime(2026, 9, 27, tzinfo=UTC)) == 184_513
    assert total(datetime(2026, 9, 29, tzinfo=UTC)) == 184_503
    assert total(None) == 184_503
    early = CapturedPortal(real, datetime(2026, 9, 1, tzinfo=UTC))
    assert ask(early, "handling-satisfaction", "2026-08") is None


def test_page_size_matters_only_for_formalities(real: Path, ask: Callable[..., Any]) -> None:
    portal = CapturedPortal(real)
    assert ask(portal, "dvc-progress-tree", "2026-08", pageSize=7)["children"]
    last: dict[str, object] = {"currentPage": 575, "pageSize": 10}
    assert portal.answer("formalities", last) is not None
    assert portal.answer("formalities", {**last, "pageSize": 11}) is None
    assert portal.answer("formalities", {**last, "q": "đất"}) is None


def test_has_nothing_for_another_request(real: Path, ask: Callable[..., Any]) -> None:
    portal = CapturedPortal(real)
    assert ask(portal, "dvc-progress-tree", "2026-08") is not None
    assert ask(portal, "dvc-progress-tree", "2026-07") is None
    assert ask(portal, "dvc-progress-tree", "2026-08", root="other") is None
    assert ask(portal, "dvc-progress-tree", "2026-08", currentPage=2) is None
    assert ask(portal, "dvc-progress-tree", "2026-08", formalityId="x") is None
    assert ask(portal, "service-results", "2026") is not None
    assert ask(portal, "service-results", "2026", departmentType="MINISTRY") is None


def test_replays_successes_only(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, ENTRY | {"status": 403}, ENTRY | {"generation": 1})
    assert CapturedPortal(folder).answer(str(ENTRY["endpoint"]), dict(ENTRY["request"])) is None  # type: ignore[call-overload]


def test_a_bad_request_is_told_so(tmp_path: Path) -> None:
    portal = CapturedPortal(folder_with(tmp_path, ENTRY))
    with pytest.raises(BadRequest, match="timeType"):
        portal.answer("evaluation/transparency", {"year": 2026})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"file": "../secret.json"}, "outside the folder"),
        ({"file": "/etc/hostname"}, "outside the folder"),
        ({"file": "gone.json"}, "does not exist"),
        ({"file": ""}, "not a name"),
        ({"captured_at": "2026-09-26T18:14:39"}, "no time zone"),
        ({"captured_at": "yesterday"}, "yesterday"),
        ({"endpoint": "evaluation/other"}, "not one of the portal's"),
        ({"request": None}, "request is not an object"),
        ({"request": {"timeType": "month", "year": 2026, "month": 13}}, "no month 13"),
        ({"request": {"timeType": "month", "year": 2026}}, "month is None"),
    ],
)
def test_a_faulty_entry_is_named(tmp_path: Path, change: dict[str, object], told: str) -> None:
    (tmp_path / "secret.json").write_text("{}")
    folder = folder_with(tmp_path, ENTRY, ENTRY | change)
    with pytest.raises(Terminal, match=told) as caught:
        CapturedPortal(folder)
    assert "entry 2" in caught.value.message
    assert str(folder / "manifest.json") in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize("missing", ["file", "endpoint", "request", "captured_at"])
def test_a_missing_key_is_named(tmp_path: Path, missing: str) -> None:
    entry = {key: value for key, value in ENTRY.items() if key != missing}
    with pytest.raises(Terminal, match=f"'{missing}' is missing"):
        CapturedPortal(folder_with(tmp_path, entry))


@pytest.mark.parametrize("entry", ["text", 5, None])
def test_an_entry_that_is_no_object_is_named(tmp_path: Path, entry: object) -> None:
    with pytest.raises(Terminal, match="not an object"):
        CapturedPortal(folder_with(tmp_path, entry))


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, ENTRY | {"file": "link.json"})
    (tmp_path / "secret.json").write_text("{}")
    (folder / "link.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(Terminal, match="outside the folder"):
        CapturedPortal(folder)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"captures": 5}'])
def test_an_unusable_manifest_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(Terminal, match=r"manifest\.json"):
        CapturedPortal(tmp_path)


def test_as_of_needs_a_time_zone(tmp_path: Path) -> None:
    with pytest.raises(Terminal, match="time zone"):
        CapturedPortal(folder_with(tmp_path, ENTRY), as_of=datetime(2026, 9, 27))
