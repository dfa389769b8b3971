"""What the commands share: the two consoles and the options that mean the same everywhere."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

err = Console(stderr=True, highlight=False)
out = Console(highlight=False)

PeriodOption = Annotated[
    str, typer.Option("--period", "-p", help="month 2026-08, quarter 2026-Q3 or year 2026")
]
ProvinceOption = Annotated[
    str | None,
    typer.Option("--province", "-P", help="slug (phu_tho) or H-code (H44); default: BOCHISO_PROVINCE"),
]
PortalOption = Annotated[
    str | None,
    typer.Option("--portal", help="base address of the portal, or of a sandbox; default: BOCHISO_PORTAL_URL"),
]
