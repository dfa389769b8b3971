"""Which block each total row of a sheet is of: its words say it, or its place does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from etl.sources.digitization_form.refusals import cut


@dataclass(eq=False)
class StatedTotal:
    """A total row as met. ``kind`` is block or grand; ``named`` the block its words name; ``section`` where it stood."""

    label: str
    kind: str
    named: str | None
    section: str | None
    figures: Mapping[str, int | None]
    locator: str


def settle_totals(
    totals: Sequence[StatedTotal], blocks: Sequence[str | None], part_of: str | None
) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of STATED_TOTALS (block null: the whole form), and notes on totals that nothing can be compared with.

    ``blocks``: the sheet's, in order; ``part_of``: the sheet's name where the form has several. "Tổng cộng" at
    the end of a section that another follows is that section's; where a form writes it so, the last section's first
    one is too, and only a second one is the whole form's. The whole of a sheet among others is its one block's.
    """
    last = blocks[-1] if blocks else None
    grand = [item for item in totals if item.kind == "grand" and item.section is not None]
    inside = [item for item in grand if item.section != last]
    in_last = [item for item in grand if item.section == last]
    closing = {id(item) for item in [*inside, *(in_last[:1] if inside else [])]}
    rows, notes = [], []
    for item in totals:
        by_place = item.section if item.kind == "block" or id(item) in closing else None
        block = item.named or by_place
        if block is None and part_of is not None:
            if len(blocks) != 1:
                notes.append(
                    f"Dòng “{cut(item.label)}” của trang tính “{part_of}” cộng nhiều khối, biểu có nhiều trang tính: "
                    "không dùng để đối chiếu."
                )
                continue
            block = blocks[0]
        rows.append({"block": block, "label": cut(item.label), "locator": item.locator, **item.figures})
    return rows, notes
