"""A small release as it lies on disk, and the receivers it is brought to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from etl.periods import VIETNAM
from etl.send import Acknowledgement, Message, OutgoingFile, Target, send
from etl.send.credentials import HIDDEN

AT = datetime(2026, 9, 17, 8, 30, tzinfo=VIETNAM)
FOLDER = "phu_tho/2026-09/2"
SECRET = "Mật-khẩu? a+b/c=42"
TOKEN = "t0ken-of-the-portal-8731"
MESSAGE = Message(
    release_id="H44/2026-09/2",
    release_no=2,
    province_vi="tỉnh Phú Thọ",
    period_vi="tháng 9/2026",
    office_vi="Văn phòng UBND tỉnh Phú Thọ",
    notes_vi=("Số liệu số hóa hồ sơ là số liệu tạm tính.",),
)
# Binary with every byte, a CSV with a byte order mark and both line ends, a name with Vietnamese letters and a space.
CONTENTS = {
    "Phụ lục kết quả tháng 9.xlsx": (
        bytes(range(256)) * 700,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    "data/scores.csv": ("\ufeffđơn vị,điểm\r\nSở Y tế,78.25\n.\n".encode(), "text/csv; charset=utf-8"),
    "manifest.json": (b'{"release": 2}\n', "application/json"),
    "trang.html": (b"<!doctype html>\n" + b"x" * 90_000, "text/html; charset=utf-8"),
    "trong.txt": (b"", "text/plain"),
}


def release(folder: Path, contents: dict[str, tuple[bytes, str]] | None = None) -> list[OutgoingFile]:
    """The files of a release, written below ``folder``; the manifest stands in the middle on purpose."""
    files = []
    for name, (content, media_type) in (CONTENTS if contents is None else contents).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        files.append(OutgoingFile(name, path, digest, len(content), media_type))
    return files


def target(**keys: Any) -> Target:
    """A target as the file would give it."""
    adapter: TypeAdapter[Target] = TypeAdapter(Target)
    return adapter.validate_python({"name": "noi-nhan", "products": "all", "wait_seconds": 1.0, **keys})


def bring(
    to: Target, files: list[OutgoingFile], waits: list[float] | None = None, **changes: Any
) -> Acknowledgement:
    """``send`` without waiting; the waits it would have made are noted."""
    given: dict[str, Any] = {
        "folder": FOLDER,
        "secrets": {"GUI_MAT_KHAU": SECRET, "GUI_TOKEN": TOKEN},
        "message": MESSAGE,
        "at": AT,
        "sleep": (waits if waits is not None else []).append,
    }
    return send(to, files, **(given | changes))


@dataclass
class Receiver:
    """A receiver that keeps files. ``root`` is where they lie on its disk; ``written`` names every final name in the
    order in which it came to stand; ``break_off()`` makes the next upload of a large file end in the middle."""

    to: Target
    root: Path
    written: list[str] = field(default_factory=list)
    break_off: Callable[[], None] = lambda: None

    def holds(self) -> dict[str, bytes]:
        """Every file under the release's folder, also the hidden ones."""
        base = self.root / FOLDER
        return {
            path.relative_to(base).as_posix(): path.read_bytes()
            for path in sorted(base.rglob("*"))
            if path.is_file()
        }


WHOLE = {name: content for name, (content, _) in CONTENTS.items()}


def assert_untold(error: BaseException, caplog: pytest.LogCaptureFixture, *secrets: str) -> None:
    """No secret in the words, arguments and causes of an error, nor in any line of the log."""
    ours = [record for record in caplog.records if record.name != "mail.log"]  # that is the test's own server
    said = [f"{record.getMessage()} {record.exc_text}" for record in ours]
    link: BaseException | None = error
    while link is not None:
        said += [str(link), repr(link), repr(link.args)]
        link = link.__cause__ or link.__context__
    for secret in secrets:
        assert [text for text in said if secret in text] == []
    assert HIDDEN not in secrets
