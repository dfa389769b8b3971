"""What every receiver that keeps files is promised: whole, once, never replaced, the manifest last."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from sending_release import AT, FOLDER, MESSAGE, SECRET, TOKEN, WHOLE, Receiver, bring, release, target

from etl.errors import Terminal, Transient
from etl.send import OutgoingFile, Target

# A folder has no connection that could break: see test_send_folder.py.
CONNECTED = ["sftp", "http move", "http none"]
_LARGE = "Phụ lục kết quả tháng 9.xlsx"


def test_a_release_arrives_whole_and_the_manifest_last(receiver: Receiver, files: list[OutgoingFile]) -> None:
    told = bring(receiver.to, files)
    assert receiver.holds() == WHOLE
    assert (told.target, told.kind, told.at) == ("noi-nhan", receiver.to.kind, AT)
    assert (told.files, told.sent, told.attempts) == (5, 5, 1)
    assert told.bytes == sum(map(len, WHOLE.values()))
    assert "SHA-256 of every file agrees" in told.receipt
    order = [name.split(FOLDER + "/")[1] for name in receiver.written]
    if receiver.to.kind == "folder":
        base = receiver.root / FOLDER
        order = sorted(WHOLE, key=lambda name: (base / name).stat().st_ctime_ns)
    assert sorted(order) == sorted(WHOLE)
    assert order[-1] == "manifest.json"


def test_what_is_there_already_is_not_sent_again(receiver: Receiver, files: list[OutgoingFile]) -> None:
    bring(receiver.to, files)
    times = {path: path.stat().st_mtime_ns for path in receiver.root.rglob("*")}
    receiver.written.clear()
    told = bring(receiver.to, files)
    assert (told.files, told.sent) == (5, 0)
    assert receiver.written == []
    assert {path: path.stat().st_mtime_ns for path in receiver.root.rglob("*")} == times


def test_only_what_is_missing_is_sent(receiver: Receiver, files: list[OutgoingFile]) -> None:
    bring(receiver.to, files)
    (receiver.root / FOLDER / "data" / "scores.csv").unlink()
    assert bring(receiver.to, files).sent == 1
    assert receiver.holds() == WHOLE


def test_another_content_is_never_replaced_and_nothing_else_is_written(
    receiver: Receiver, files: list[OutgoingFile]
) -> None:
    there = receiver.root / FOLDER / "trang.html"
    there.parent.mkdir(parents=True)
    # As long as ours, so that only the content tells.
    there.write_bytes(b"z" * len(WHOLE["trang.html"]))
    with pytest.raises(Terminal, match=r"trang\.html is there already with another content") as caught:
        bring(receiver.to, files)
    assert "make a new release" in caught.value.remedy
    assert receiver.holds() == {"trang.html": b"z" * len(WHOLE["trang.html"])}


def test_a_folder_where_a_file_must_be_is_not_replaced(receiver: Receiver, files: list[OutgoingFile]) -> None:
    (receiver.root / FOLDER / "trang.html").mkdir(parents=True)
    with pytest.raises(Terminal):
        bring(receiver.to, files)
    assert receiver.holds() == {}


def test_releases_lie_beside_each_other(
    receiver: Receiver, files: list[OutgoingFile], tmp_path: Path
) -> None:
    bring(receiver.to, files)
    mended = release(tmp_path / "mended", {"manifest.json": (b'{"release": 3}\n', "application/json")})
    bring(receiver.to, mended, folder="phu_tho/2026-09/3")
    assert receiver.holds() == WHOLE
    assert (receiver.root / "phu_tho/2026-09/3/manifest.json").read_bytes() == b'{"release": 3}\n'


@pytest.mark.parametrize("receiver", CONNECTED, indirect=True)
def test_a_try_that_broke_off_leaves_no_half_file_and_the_next_one_finishes(
    receiver: Receiver, files: list[OutgoingFile]
) -> None:
    receiver.break_off()
    with pytest.raises(Transient):
        bring(receiver.to.model_copy(update={"attempts": 1}), files)
    half = receiver.holds()
    assert {
        name: content for name, content in half.items() if not name.endswith(".part")
    }.items() <= WHOLE.items()
    assert "manifest.json" not in half
    assert len(half) < len(WHOLE)
    told = bring(receiver.to, files)
    assert receiver.holds() == WHOLE
    assert told.sent == len(WHOLE) - len([name for name in half if not name.endswith(".part")])


@pytest.mark.parametrize("receiver", CONNECTED, indirect=True)
def test_the_tries_within_one_call_finish_it_too(
    receiver: Receiver, files: list[OutgoingFile], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.break_off()
    waits: list[float] = []
    told = bring(receiver.to, files, waits)
    assert (told.attempts, waits) == (2, [1.0])
    assert receiver.holds() == WHOLE
    assert len(receiver.written) == len(set(receiver.written)) == len(WHOLE)
    assert "try 1 of 3 failed, next in 1 s" in caplog.text
    assert SECRET not in caplog.text
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    "name",
    [
        "../manifest.json",
        "data/../../x",
        "data//x",
        "./x",
        "/etc/cron.d/x",
        "C:/x",
        "c:x",
        "\\\\server\\x",
        "data\\x",
        "a\nb",
        "a\x00b",
        "a\x1b[2Jb",
        "hoadon\u202excod.exe",
        "a\u200bb",
        "\ud800",
        ".x.part",
        "data/.ẩn",
        "CON",
        "data/nul.csv",
        "x.",
        "x ",
        " x",
        "a?b",
        "a*b",
        "",
        "data/",
        "đ" * 101,
        "/".join(["thư-mục"] * 99),
    ],
)
def test_a_name_that_could_lead_elsewhere_is_refused(
    name: str, tmp_path: Path, files: list[OutgoingFile]
) -> None:
    root = tmp_path / "nhan"
    root.mkdir()
    to = folder_at(root)
    with pytest.raises(Terminal, match="cannot be sent"):
        bring(to, [*files, replace(files[0], name=name)])
    with pytest.raises(Terminal, match=r"release folder .* cannot be sent"):
        bring(to, files, folder=name)
    assert list(root.iterdir()) == []
    assert not (tmp_path / "manifest.json").exists()


def folder_at(root: Path) -> Target:
    return target(kind="folder", path=root)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("Bao-cao.docx", "bao-cao.DOCX", "one name"),
        ("Hòa.csv", "Ho\u0300a.csv", "one name"),
        ("data", "data/x.csv", "both a file and the folder"),
    ],
)
def test_names_that_clash_at_the_receiver_are_refused(
    first: str, second: str, words: str, tmp_path: Path, files: list[OutgoingFile]
) -> None:
    several = [replace(files[0], name=first), replace(files[0], name=second), files[2]]
    assert files[2].name == "manifest.json"
    with pytest.raises(Terminal, match=words):
        bring(folder_at(tmp_path), several)


def test_a_release_without_manifest_is_refused(tmp_path: Path, files: list[OutgoingFile]) -> None:
    with pytest.raises(Terminal, match=r"no manifest\.json among the 4 files"):
        bring(folder_at(tmp_path), [file for file in files if file.name != "manifest.json"])


@pytest.mark.parametrize("change", ["longer", "other", "gone"])
def test_a_file_that_is_not_the_released_one_is_refused_before_anything_is_sent(
    change: str, receiver: Receiver, files: list[OutgoingFile]
) -> None:
    path = files[0].path
    if change == "longer":
        path.write_bytes(path.read_bytes() + b" ")
    elif change == "other":
        path.write_bytes(path.read_bytes()[::-1])
    else:
        path.unlink()
    with pytest.raises(Terminal, match=r"Phụ lục kết quả tháng 9\.xlsx (is not the file|cannot be read)"):
        bring(receiver.to, files)
    assert receiver.holds() == {}


@pytest.mark.parametrize("change", [{"sha256": "x"}, {"size": -1}, {"media_type": "text/html\r\nX: y"}])
def test_a_description_that_cannot_be_is_refused(
    change: dict[str, object], tmp_path: Path, files: list[OutgoingFile]
) -> None:
    with pytest.raises(Terminal, match="cannot be used"):
        bring(folder_at(tmp_path), [replace(files[0], **change), *files[1:]])  # type: ignore[arg-type]


def test_an_instant_without_zone_is_no_instant(tmp_path: Path, files: list[OutgoingFile]) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        bring(folder_at(tmp_path), files, at=AT.replace(tzinfo=None))


def test_the_message_is_not_needed_to_know_what_was_sent(
    receiver: Receiver, files: list[OutgoingFile]
) -> None:
    first = bring(receiver.to, files)
    second = bring(receiver.to, files, message=replace(MESSAGE, period_vi="quý III/2026"))
    assert (first.files, first.bytes) == (second.files, second.bytes)
    assert second.sent == 0
    assert _LARGE in receiver.holds()
