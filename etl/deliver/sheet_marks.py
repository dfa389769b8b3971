"""Conditional formatting of tables: ratings, figures below their target, verdicts.

Rules compare cells with numbers and words of our own. No text of the data ever enters a formula.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from openpyxl.formatting.rule import Rule
from openpyxl.styles import Font, PatternFill
from openpyxl.styles.differential import DifferentialStyle
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from etl.deliver.sheet_conventions import WorkbookStyle


def mark_ratings(
    sheet: Worksheet, rows: tuple[int, int], *, total: int, rating: int, style: WorkbookStyle
) -> None:
    """Colour the columns ``total`` and ``rating`` (numbers from 1) of ``rows`` by the total's band, and write
    totals below the target bold in its colour.

    A row whose rating is blank (no total, no dossiers) stays white. At most one rule holds for a cell:
    LibreOffice applies the first and no other.
    """
    figure, word = get_column_letter(total), get_column_letter(rating)
    first = rows[0]
    rated = f'${word}{first}<>"",ISNUMBER(${figure}{first})'
    starts = {band.minimum for band in style.bands}
    target = style.total_target
    for column, cuts in ((total, starts | ({target} if target is not None else set())), (rating, starts)):
        upper: Decimal | None = None
        for lower in sorted(cuts, reverse=True):
            band = next(band for band in style.bands if band.minimum <= lower)
            below = column == total and target is not None and lower < target
            condition = f"{rated},${figure}{first}>={_plain(lower)}"
            if upper is not None:
                condition += f",${figure}{first}<{_plain(upper)}"
            rule = Rule(
                type="expression",
                dxf=_look(band.fill, style.colours.below if below else None),
                formula=[f"AND({condition})"],
            )
            sheet.conditional_formatting.add(_ranges((column,), rows), rule)
            upper = lower


def mark_share(
    sheet: Worksheet, rows: tuple[int, int], *, part: int, rest: int, columns: Sequence[int], target: Decimal, fill: str
) -> None:  # fmt: skip
    """Fill ``columns`` of the rows whose share part/(part + rest), in percent to two decimals, is below ``target``."""
    one, other, first = get_column_letter(part), get_column_letter(rest), rows[0]
    share = f"ROUND(100*${one}{first}/(${one}{first}+${other}{first}),2)"
    formula = (
        f"IF(AND(ISNUMBER(${one}{first}),ISNUMBER(${other}{first})),"
        f"IF(${one}{first}+${other}{first}>0,{share}<{_plain(target)},FALSE),FALSE)"
    )
    rule = Rule(type="expression", dxf=_look(fill), formula=[formula])
    sheet.conditional_formatting.add(_ranges(columns, rows), rule)


def mark_words(sheet: Worksheet, rows: tuple[int, int], *, column: int, fills: Mapping[str, str]) -> None:
    """Fill the cells of a column that hold one of our own words; ``fills``: word to colour."""
    letter, first = get_column_letter(column), rows[0]
    for word, colour in fills.items():
        if '"' in word:
            raise ValueError(f"a word with quotation marks cannot be compared with: {word}")
        rule = Rule(type="expression", dxf=_look(colour), formula=[f'${letter}{first}="{word}"'])
        sheet.conditional_formatting.add(_ranges((column,), rows), rule)


def _ranges(columns: Sequence[int], rows: tuple[int, int]) -> str:
    letters = map(get_column_letter, columns)
    return " ".join(f"{letter}{rows[0]}:{letter}{rows[1]}" for letter in letters)


def _look(fill: str, ink: str | None = None) -> DifferentialStyle:
    # Solid fills of conditional formats are read from the background colour.
    return DifferentialStyle(
        fill=PatternFill("solid", bgColor=_opaque(fill)),
        font=None if ink is None else Font(color=_opaque(ink), bold=True),
    )


def _opaque(colour: str) -> str:
    return f"FF{colour}"


def _plain(value: Decimal) -> str:
    """A number as formulas write it, in every locale of the file format: 80, 79.5."""
    return format(value.normalize(), "f")
