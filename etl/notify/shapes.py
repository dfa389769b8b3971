"""The shapes webhooks want, read from ``shapes.yml``, filled with a message."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from etl.deliver.sheet_text import number_vi
from etl.notify.message import Message

SHAPES_FILE = Path(__file__).parent / "shapes.yml"
_MOST_LINES = 120
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TokenHeader(_Data):
    header: str
    form: str


class Success(_Data):
    field: str
    value: bool | int


class Shape(_Data):
    """One shape; ``shapes.yml`` says what the keys mean."""

    body: Any
    entities: bool
    longest: int = Field(gt=0)
    secret_url: bool
    token: TokenHeader | None
    success: Success | None
    busy: tuple[int, ...]
    dead: tuple[int, ...]
    needs: tuple[Literal["recipient", "token"], ...]

    def filled(self, message: Message, recipient: str | None) -> Any:
        """The body to post, as JSON-able data."""
        texts = {
            "subject": message.subject,
            "text": message.text,
            "both": f"{message.subject}\n\n{message.text}",
        }
        words: dict[str, Any] = {name: self._safe(_cut(text, self.longest)) for name, text in texts.items()}
        words |= {"recipient": recipient, "record": message.record()}
        return _fill(self.body, words)

    def _safe(self, text: str) -> str:
        return text.translate(_ENTITIES) if self.entities else text


@cache
def load_shapes() -> Mapping[str, Shape]:
    """All shapes by name."""
    document = yaml.safe_load(SHAPES_FILE.read_text(encoding="utf-8"))
    return {name: Shape.model_validate(entry) for name, entry in document.items()}


def _fill(template: Any, words: Mapping[str, Any]) -> Any:
    if isinstance(template, str):
        if template[:1] == "{" and template[-1:] == "}" and template[1:-1] in words:
            return words[template[1:-1]]
        return template
    if isinstance(template, dict):
        return {key: _fill(value, words) for key, value in template.items()}
    if isinstance(template, list):
        filled: list[Any] = []
        for item in template:
            if isinstance(item, dict) and set(item) == {"each_line"}:
                filled += [
                    _fill(item["each_line"], {**words, "line": line}) for line in _lines(words["text"])
                ]
            else:
                filled.append(_fill(item, words))
        return filled
    return template


def _lines(text: str) -> list[str]:
    """The lines that hold something; what is beyond the most a card has room for stands together in the last."""
    lines = [line for line in text.split("\n") if line.strip()]
    return (
        lines[: _MOST_LINES - 1] + [" / ".join(lines[_MOST_LINES - 1 :])]
        if len(lines) > _MOST_LINES
        else lines
    )


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    room = longest - 60
    return f"{text[:room].rstrip()}…\n(còn {number_vi(len(text) - room)} ký tự, xem bochiso status)"
