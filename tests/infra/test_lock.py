"""The lock files: complete, hashed, in step with pyproject.toml, and free of addresses."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from etl.settings import PROJECT_ROOT

LOCKS = sorted(PROJECT_ROOT.glob("requirements*.lock"))
PROJECT = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# An address, or an option that would carry one.
ADDRESS = re.compile(r"[a-z+]+://|--(extra-)?index|--find-links|--trusted-host| @ |^-[if] ", re.MULTILINE)
SUPPORTED = ("3.11", "3.12", "3.13")


def pins(lock: Path) -> list[tuple[Requirement, int]]:
    """Each pinned requirement with the number of its hashes."""
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    found = []
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            words = line.split(" --hash=")
            found.append((Requirement(words[0].strip()), len(words) - 1))
    return found


def declared() -> list[tuple[str, Requirement]]:
    """Every requirement of the project with the place that declares it."""
    groups = {"dependencies": PROJECT["project"]["dependencies"], **PROJECT["dependency-groups"]}
    groups["build-system"] = PROJECT["build-system"]["requires"]
    return [(group, Requirement(text)) for group, texts in groups.items() for text in texts]


def test_there_are_two_locks() -> None:
    assert [lock.name for lock in LOCKS] == ["requirements-bootstrap.lock", "requirements.lock"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_no_lock_holds_an_address(lock: Path) -> None:
    assert ADDRESS.findall(lock.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line", ["x @ https://e.org/x.whl", "--index-url x", "--extra-index-url x", "--find-links x", "-i x"]
)
def test_the_guard_knows_an_address(line: str) -> None:
    assert ADDRESS.search(f"a==1\n{line}\n")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_pin_is_exact_and_hashed(lock: Path) -> None:
    found = pins(lock)
    assert len(found) > (100 if lock.name == "requirements.lock" else 0)
    for requirement, hashes in found:
        assert [specifier.operator for specifier in requirement.specifier] == ["=="], requirement
        assert hashes > 0, requirement


def test_the_lock_satisfies_every_declared_requirement() -> None:
    locked: dict[str, list[Requirement]] = {}
    for requirement, _ in pins(PROJECT_ROOT / "requirements.lock"):
        locked.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    wanted = declared()
    assert len(wanted) > 30
    for group, requirement in wanted:
        for python in SUPPORTED:
            environment = {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
            here = [
                pin
                for pin in locked.get(canonicalize_name(requirement.name), [])
                if pin.marker is None or pin.marker.evaluate(environment)
            ]
            assert len(here) == 1, (
                f"{group}: {requirement} has {len(here)} pins on Python {python}: run `make lock`"
            )
            (specifier,) = here[0].specifier
            assert requirement.specifier.contains(Version(specifier.version), prereleases=True), (
                f"{group}: {requirement} is locked at {specifier.version}: run `make lock`"
            )


def test_the_bootstrap_pins_the_uv_that_the_makefile_names() -> None:
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    named = re.search(r"^UV_VERSION := (\S+)$", makefile, re.MULTILINE)
    assert named is not None
    assert [str(pin) for pin, _ in pins(PROJECT_ROOT / "requirements-bootstrap.lock")] == [f"uv=={named[1]}"]


def test_the_build_files_hold_no_address_of_an_index() -> None:
    files = [
        PROJECT_ROOT / "Makefile",
        *sorted((PROJECT_ROOT / ".ci").iterdir()),
        PROJECT_ROOT / "pyproject.toml",
    ]
    assert len(files) == 5
    for file in files:
        assert "://" not in file.read_text(encoding="utf-8"), file


def test_help_names_every_target() -> None:
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    said = subprocess.run(
        ["make", "-s", "--no-print-directory", "-C", str(PROJECT_ROOT), "help"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert {line.split()[1] for line in said.splitlines()} == set(phony[1].split())
