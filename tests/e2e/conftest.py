"""The demonstration, run once: what it shows is looked at by one module, what it built is released by another."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.commands import bochiso


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A home folder in which `bochiso demo` has run, and what it said."""
    home = tmp_path_factory.mktemp("demonstration") / "home"
    done = bochiso(home, "demo")
    assert done.returncode == 0, done.stderr
    return home, done
