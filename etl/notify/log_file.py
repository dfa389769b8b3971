"""The channel that is always there: two files under ``<home>/logs``, one for programs, one for people."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from etl.errors import EnvironmentUnfit
from etl.notify.message import Message, Receipt
from etl.periods import VIETNAM

JSON_LINES, TEXT = "alerts.jsonl", "alerts.log"


@dataclass(frozen=True)
class LogFileChannel:
    """Appends to ``alerts.jsonl`` (one JSON object a line) and ``alerts.log``."""

    folder: Path

    def tell(self, message: Message) -> Receipt:
        """Append a message; on the disk when this returns. Raises EnvironmentUnfit."""
        line = json.dumps(message.record(), ensure_ascii=False, sort_keys=True)
        head = (
            f"{message.at.astimezone(VIETNAM):%Y-%m-%d %H:%M:%S} {message.severity.upper()} {message.subject}"
        )
        body = "".join(f"    {row}\n" for row in message.text.splitlines() if row)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _append(self.folder / TEXT, f"{head}\n{body}\n")
            _append(self.folder / JSON_LINES, line + "\n")
        except OSError as error:
            raise EnvironmentUnfit(
                f"the alert log in {self.folder} cannot be written: {error.strerror or type(error).__name__}",
                "give the program's user the right to write there and free space; the next run tries again",
            ) from error
        return Receipt(JSON_LINES)


def _append(path: Path, text: str) -> None:
    with path.open("a+b") as file:
        # A line that a crash or a full disk cut off must not swallow the next one.
        if file.tell() > 0:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                text = "\n" + text
        file.write(text.encode("utf-8", "backslashreplace"))
        file.flush()
        os.fsync(file.fileno())
