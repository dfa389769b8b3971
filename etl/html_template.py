"""The one way in which pages for people are made of templates: everything escaped, nothing undefined, same bytes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Template


@cache
def html_template(path: Path) -> Template:
    """A Jinja template whose values are escaped and whose unknown names are errors."""
    # Here, not above: jinja2 takes about 60 ms to import, which a caller that renders nothing need not pay.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(path.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(path.name)
