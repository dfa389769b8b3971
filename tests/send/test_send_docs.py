"""The office's page says what the program takes: every example loads, every key and default is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from etl.send import load_targets
from etl.send.targets import EmailTarget, FolderTarget, HttpPutTarget, SftpTarget, TargetData
from etl.settings import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs" / "van-phong" / "gui-bao-cao.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
KINDS = (FolderTarget, SftpTarget, HttpPutTarget, EmailTarget)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_a_file_that_loads(example: str, tmp_path: Path) -> None:
    (tmp_path / "targets.yml").write_text(example, encoding="utf-8")
    assert len(load_targets(tmp_path / "targets.yml")) == 1


def test_there_is_an_example_of_each_kind_and_they_fit_into_one_file(tmp_path: Path) -> None:
    together = "targets:\n" + "".join(example.removeprefix("targets:\n") for example in EXAMPLES)
    (tmp_path / "targets.yml").write_text(together, encoding="utf-8")
    assert tuple(type(one) for one in load_targets(tmp_path / "targets.yml")) == KINDS


def test_examples_name_no_real_host() -> None:
    hosts = set(re.findall(r"[\w.-]+\.gov\.vn", PAGE))
    assert len(hosts) > 2
    assert {host for host in hosts if not host.endswith("example.gov.vn")} == set()


def test_every_key_is_explained_and_every_common_default_is_right() -> None:
    keys = {field.alias or name for kind in KINDS for name, field in kind.model_fields.items()}
    assert len(keys) > 25
    explained = set(re.findall(r"`(\w+)(?:: \w+)?`", PAGE)) | set(
        re.findall(r"^ +-? ?(\w+):", "".join(EXAMPLES), re.MULTILINE)
    )
    assert keys - explained == set()
    for name, field in TargetData.model_fields.items():
        if field.default not in (PydanticUndefined, None):
            (row,) = (line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
            assert f"mặc định {field.default:g}" in row


def test_the_words_people_are_told_to_look_for_are_the_programs() -> None:
    sources = "".join(
        path.read_text(encoding="utf-8") for path in (PROJECT_ROOT / "etl" / "send").glob("*.py")
    )
    table = PAGE.partition("## 6.")[2]
    quoted = [
        word
        for row in table.splitlines()
        if row.startswith("| `")
        for word in re.findall(r"`([^`]+)`", row.split("|")[1])
    ]
    assert len(quoted) > 10
    ours = [word for word in quoted if not word.startswith("HTTP ") and word != "Permission denied"]
    assert [word for word in ours if any(part not in sources for part in word.split(" … "))] == []
