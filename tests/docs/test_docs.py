"""What the documents say is what the program has: settings, commands, exit codes, links, views."""

from __future__ import annotations

import importlib.util
import inspect
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from documents_reading import FENCE, PAGES, flat, name_of, rows_of, text_of
from pydantic_core import PydanticUndefined

from etl import errors
from etl.cli import app
from etl.deliver.release import Materials
from etl.duties import duties_file
from etl.settings import PROJECT_ROOT, Settings
from etl.watch_strict import ACT, WAITS, WELL

VIEWS = sorted((PROJECT_ROOT / "sql" / "marts").glob("*.sql"))
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


# --- settings -------------------------------------------------------------------------

SETTINGS = {
    row[0].strip("`"): row for row in rows_of(text_of("docs", "settings.md")) if "`BOCHISO_" in row[0]
}


def test_every_setting_is_documented_and_no_other() -> None:
    assert len(SETTINGS) > 10
    assert set(SETTINGS) == {f"BOCHISO_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_the_documented_default_is_the_default(name: str) -> None:
    default = Settings.model_fields[name].default
    assert default is not PydanticUndefined
    _, shown, unit, meaning = SETTINGS[f"BOCHISO_{name.upper()}"]
    assert unit
    assert len(meaning) > 10
    if default is None:
        assert shown == "not set"
        assert "not set: " in meaning or "reserved" in meaning
    elif default == "":
        assert shown == "empty"
        assert "empty: " in meaning
    elif name == "home":
        assert default == PROJECT_ROOT / "var"
        assert "`var`" in shown
    elif name == "portal_contact":
        assert "BOCHISO_PORTAL_CONTACT" in default
        assert "asks you to set it" in shown
    else:
        assert shown == f"`{default}`"


def test_no_page_names_a_setting_that_does_not_exist() -> None:
    known = {f"BOCHISO_{name.upper()}" for name in Settings.model_fields}
    named = {
        (name_of(page), word) for page in PAGES for word in re.findall(r"BOCHISO_[A-Z_]+", page.read_text())
    }
    assert len(named) > 30
    assert {(page, word) for page, word in named if word not in known} == set()


def test_every_file_an_office_may_put_into_the_home_folder_is_documented(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    files = {settings.alerts_file, settings.targets_file, settings.workbook_file, tmp_path / "duties.yml"}
    assert duties_file(tmp_path) != tmp_path / "duties.yml"
    (tmp_path / "duties.yml").touch()
    assert duties_file(tmp_path) == tmp_path / "duties.yml"
    settings.letter_dir.mkdir()
    names = ("mau-bao-cao.docx", "mau-dinh-chinh.docx", "kien-nghi.yml")
    files |= {settings.letter_dir / name for name in names}
    for path in files:
        path.touch()
    of_home = Materials.of_home(tmp_path, settings.forms_dir, settings.letter_dir)
    taken = {of_home.letter_template, of_home.letter_rules, of_home.correction_template}
    assert taken | {of_home.workbook_style} <= files  # the names are those the program looks for
    assert None not in taken
    section = text_of("docs", "settings.md").partition("## Files of the home folder")[2].partition("\n## ")[0]
    told = {row[0].strip("`") for row in rows_of(section)}
    folders = {f"{folder.name}/*.yml" for folder in (settings.forms_dir, settings.provinces_dir)}
    wanted = {path.relative_to(tmp_path).as_posix() for path in files} | folders | {"provinces/units_*.csv"}
    assert told - {"file"} == wanted


# --- commands -------------------------------------------------------------------------


def commands(command: Any, path: str = "bochiso") -> Iterator[tuple[str, Any]]:
    """Every command a person can type, with its parameters."""
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
        return
    for name, child in below.items():
        yield from commands(child, f"{path} {name}")


COMMANDS = dict(commands(typer.main.get_command(app)))
COMMAND_ROWS = {
    row[0].strip("`"): row for row in rows_of(text_of("README.md")) if row[0].startswith("`bochiso")
}


def test_every_command_is_in_the_readme_and_no_other() -> None:
    assert len(COMMANDS) > 6
    assert set(COMMAND_ROWS) == set(COMMANDS)


@pytest.mark.parametrize("path", sorted(COMMANDS))
def test_the_readme_names_every_option(path: str) -> None:
    parameters = [item for item in COMMANDS[path].params if item.param_type_name == "option"]
    options = {word for item in parameters for word in item.opts if item.name != "help"}
    assert set(re.findall(r"`(-[-\w]+)`", COMMAND_ROWS[path][2])) == options


def typed() -> list[tuple[str, list[str]]]:
    """Every line that begins with our command in the boxes of all pages: page, and the words as a shell reads them."""
    found = []
    for page in PAGES:
        for box in FENCE.findall(page.read_text(encoding="utf-8")):
            whole = re.sub(r"\\\n\s*", "", box)
            # A query in quotes goes on over several lines.
            for line in re.findall(
                r"^ *((?:[A-Z_]+=\S+ +)*(?:\.venv/bin/)?bochiso (?:\"[^\"]*\"|[^\n\"])*)", whole, re.M
            ):
                words = shlex.split(line, comments=True)
                words = words[next(i for i, word in enumerate(words) if word.endswith("bochiso")) + 1 :]
                found.append((name_of(page), words))
    return found


def test_every_command_that_is_shown_exists_with_its_options() -> None:
    """Commands in boxes are typed as they stand: the names and options must be the program's."""
    shown = typed()
    assert len(shown) > 40
    assert {page for page, _ in shown} >= {"README.md", "docs/runbooks/correction.md"}
    wrong = []
    for page, words in shown:
        path = next(
            (
                path
                for path in sorted(COMMANDS, key=len, reverse=True)
                if " ".join(["bochiso", *words, ""]).startswith(f"{path} ")
            ),
            None,
        )
        if path is None:
            wrong.append(f"{page}: bochiso {' '.join(words)}")
            continue
        known = {option for item in COMMANDS[path].params for option in item.opts}
        given = {word.partition("=")[0] for word in words if re.match(r"--?[a-zA-Z]", word)}
        wrong += [f"{page}: {path} {option}" for option in sorted(given - known)]
    assert wrong == []


def test_some_commands_have_options() -> None:
    assert sum("--" in row[2] for row in COMMAND_ROWS.values()) > 3


def test_the_readme_says_what_continuous_integration_relies_on() -> None:
    targets = re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE)
    assert {"demo", "test", "setup", "lint", "lock"} <= set(targets)
    assert (
        "the test command that continuous integration relies on is `make test`" in flat("README.md").lower()
    )
    named = set(re.findall(r"`make ([a-z]+)`", FENCE.sub("", text_of("README.md"))))
    assert named <= {*targets}
    assert len(named) > 2


# --- exit codes -----------------------------------------------------------------------

FAILURES = {
    name: item
    for name, item in inspect.getmembers(errors, inspect.isclass)
    if issubclass(item, errors.BochisoError) and item is not errors.BochisoError
}


def test_the_readme_has_the_exit_codes_of_the_errors() -> None:
    shown = {
        int(row[0]): set(re.findall(r"`(\w+)`", row[2]))
        for row in rows_of(text_of("README.md"))
        if row[0].isdecimal()
    }
    assert len(FAILURES) > 10
    # Of the program itself, not of an error: done, a fault, Ctrl-C.
    assert {code for code, names in shown.items() if not names} == {0, 1, 130}
    assert {name: code for code, names in shown.items() for name in names} == {
        name: item.exit_code for name, item in FAILURES.items()
    }


def test_the_help_text_has_the_same_codes() -> None:
    shown = {row[0] for row in rows_of(text_of("README.md")) if row[0].isdecimal()}
    assert set(re.findall(r"\*\*(\d+)\*\*", str(app.info.help))) == shown


def test_the_readme_has_the_exit_codes_of_strict_status() -> None:
    shown = [
        int(row[0].strip("*")) for row in rows_of(text_of("README.md")) if re.fullmatch(r"\*\*\d\*\*", row[0])
    ]
    assert shown == [WELL, WAITS, ACT]


# --- links ----------------------------------------------------------------------------


def links() -> list[tuple[Path, str]]:
    return [
        (page, target)
        for page in PAGES
        for target in _LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
        if "://" not in target and not target.startswith("mailto:")
    ]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as a forge makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_relative_link_leads_somewhere() -> None:
    found = links()
    assert len(found) > 60
    broken = []
    for page, target in found:
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(f"{name_of(page)}: {target}")
    assert broken == []


@pytest.mark.parametrize("folder", ["decisions", "runbooks", "van-phong"])
def test_every_page_of_a_folder_is_listed(folder: str) -> None:
    pages = {page.name for page in (PROJECT_ROOT / "docs" / folder).glob("*.md")}
    assert len(pages) > 3
    listed = {Path(target).name for _, target in links() if _.name == "README.md" and f"{folder}/" in target}
    assert listed >= pages


def test_decisions_are_numbered_without_gaps_and_listed_in_order() -> None:
    numbers = sorted(int(page.name[:4]) for page in (PROJECT_ROOT / "docs" / "decisions").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))
    listed = re.findall(r"^(\d+)\. \[.*\]\(decisions/(\d{4})-", text_of("docs", "README.md"), re.MULTILINE)
    assert [(int(left), int(right)) for left, right in listed] == [(number, number) for number in numbers]
    for page in (PROJECT_ROOT / "docs" / "decisions").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {int(page.name[:4])}. "), page.name
        parts = [
            part
            for part in ("**Context.**", "**Decision.**", "**Consequences.**", "**We would")
            if part in text
        ]
        assert len(parts) == 4, (page.name, parts)


def test_errors_and_suites_name_pages_that_exist() -> None:
    """Messages of the program send people to files of ``docs/``."""
    sources = [
        *PROJECT_ROOT.glob("etl/**/*.py"),
        *PROJECT_ROOT.glob("dags/**/*.py"),
        PROJECT_ROOT / "Makefile",
    ]
    named = {
        word
        for path in sources
        for word in re.findall(r"docs/[\w./-]+\.md", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 1
    assert {word for word in named if not (PROJECT_ROOT / word).is_file()} == set()


def test_no_page_holds_a_path_of_one_machine() -> None:
    machine = re.compile(r"(?<![\w.])/(?:work|root|tmp|home/\w|Users)/")
    assert machine.search("see /tmp/x and /home/a/b")
    assert [name_of(page) for page in PAGES if machine.search(page.read_text(encoding="utf-8"))] == []


# --- views and the data dictionary ----------------------------------------------------


@pytest.mark.parametrize("path", VIEWS, ids=lambda path: path.stem)
def test_every_view_file_documents_its_view(path: Path) -> None:
    statement = path.read_text(encoding="utf-8")
    made = re.findall(r"CREATE VIEW ([\w.]+)", statement)
    told = dict(re.findall(r"COMMENT ON VIEW ([\w.]+) IS '((?:[^']|'')*)'", statement))
    assert len(made) == 1
    schema, _, name = made[0].partition(".")
    said = path.stem.split("_", 1)[1]
    # Helpers stand on each other and are made in the order of their files, so a file's words may be turned round.
    assert said == name if schema == "mart" else sorted(said.split("_")) == sorted(name.split("_"))
    assert len(told[made[0]].strip()) > 40


def test_there_are_view_files_and_the_readme_names_each() -> None:
    assert len(VIEWS) > 6
    names = {
        path.stem.split("_", 1)[1]
        for path in VIEWS
        if "CREATE VIEW mart." in path.read_text(encoding="utf-8")
    }
    assert len(names) > 5
    assert {name for name in names if f"`{name}`" not in text_of("README.md")} == set()


def _generator() -> ModuleType:
    path = PROJECT_ROOT / "docs" / "build_data_dictionary.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_data_dictionary_is_what_the_warehouse_says() -> None:
    generator = _generator()
    schemas = generator.describe()
    relations = {f"{schema}.{item.name}": item for schema, (_, items) in schemas.items() for item in items}
    assert {"mart", "core", "staging", "quarantine", "ops"} == set(schemas)
    assert len(relations) > 25
    assert sum(len(item.columns) for item in relations.values()) > 250
    # Alembic's own table is the one that nobody of us describes.
    assert {name for name, item in relations.items() if not item.comment} == {"ops.schema_version"}
    taken_over = {column.name: column.comment for column in relations["mart.indicator_scores"].columns}
    assert taken_over["capture_sha256"].startswith("SHA-256")
    assert generator.render(schemas) == text_of("docs", "data-dictionary.md"), (
        "run .venv/bin/python docs/build_data_dictionary.py"
    )
