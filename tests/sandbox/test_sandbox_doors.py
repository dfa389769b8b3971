from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOM = Path(__file__).parents[2] / "etl" / "sandbox"
MAY_USE = ("etl.errors", "etl.periods", "etl.reference", "etl.sandbox", "numpy", "openpyxl", "polars")


def test_the_sandbox_knows_nothing_of_what_reads_it() -> None:
    imported: set[str] = set()
    for path in ROOM.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
    assert len(imported) > 20
    foreign = {name for name in imported if name.split(".")[0] not in sys.stdlib_module_names}
    assert "etl.reference.provinces" in foreign
    assert [name for name in foreign if not name.startswith(MAY_USE)] == []


def test_no_clock_but_the_monotonic_one() -> None:
    text = {path.name: path.read_text(encoding="utf-8") for path in ROOM.glob("*.py")}
    assert len(text) > 10
    assert "time.monotonic()" in text["server.py"]
    for name, source in text.items():
        for clock in ("datetime.now", "date.today", "time.time(", "os.environ", "getenv"):
            assert clock not in source, name
