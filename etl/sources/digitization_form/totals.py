"""Which block each total row of a sheet is of: its words say it, or its place does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from etl.sources.digitization_form.refusals import cut


@dataclass(eq=False)
class StatedTotal:
    """A total row as met. ``kind`` is block or grand; ``named`` the block its words name; ``section`` where it stood.

    ``parent`` is the sub-heading whose rows it sums, where it is one or names one; ``below`` the one it stood below.
    """

    label: str
    kind: str
    named: str | None
    section: str | None
    figures: Mapping[str, int | None]
    locator: str
    parent: str | None = None
    below: str | None = None


def settle_totals(
    totals: Sequence[StatedTotal],
    blocks: Sequence[str | None],
    part_of: str | None,
    last_subheads: Mapping[str | None, str],
) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of STATED_TOTALS (block null: the whole form), and notes on totals that nothing can be compared with.

    ``blocks``: the sheet's, in order; ``part_of``: the sheet's name where the form has several; ``last_subheads``:
    the last sub-heading of each section that has any. "Tổng cộng" at the end of a section that another follows is
    that section's; where a form writes it so, the last section's first one is too, and only a second one is the
    whole form's. So it is with "Cộng" below the sub-headings of a section. The whole of a sheet among others is
    its one block's.
    """
    for kind in ("block", "grand"):
        for section, subhead in last_subheads.items():
            below = [
                item
                for item in totals
                if (item.kind, item.section) == (kind, section)
                and item.below
                and not (item.parent or item.named)
            ]
            for item in _closing(below, lambda one: one.below, subhead):
                item.parent = item.below
    last = blocks[-1] if blocks else None
    grand = [item for item in totals if item.kind == "grand" and item.section is not None and not item.parent]
    closing = {id(item) for item in _closing(grand, lambda one: one.section, last)}
    rows, notes = [], []
    for item in totals:
        by_place = item.section if item.kind == "block" or item.parent or id(item) in closing else None
        block = item.named or by_place
        if block is None and part_of is not None:
            if len(blocks) != 1:
                notes.append(
                    f"Dòng “{cut(item.label)}” của trang tính “{part_of}” cộng nhiều khối, biểu có nhiều trang tính: "
                    "không dùng để đối chiếu."
                )
                continue
            block = blocks[0]
        rows.append(
            {
                "block": block,
                "parent": item.parent,
                "label": cut(item.label),
                "locator": item.locator,
                **item.figures,
            }
        )
    return rows, notes


def _closing(
    items: Sequence[StatedTotal], stood_in: Callable[[StatedTotal], str | None], last: str | None
) -> list[StatedTotal]:
    """Totals that close the part they stand in: all before the last part and, if there are any, the first one in it."""
    inside = [item for item in items if stood_in(item) != last]
    return [*inside, *([item for item in items if stood_in(item) == last][:1] if inside else [])]
