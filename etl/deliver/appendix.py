"""The appendix workbook (duty D3): the province's component table, one sheet per block, quality.

``render_appendix`` turns ``AppendixData`` into the bytes of an XLSX file. The same data
give the same bytes; no cell is a formula; a figure the portal does not have is a blank
cell. What is computed here (the block's mean) is labelled so; everything else is the
portal's own value.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from openpyxl import Workbook
from openpyxl.styles import Font

from etl.deliver.appendix_data import GROUP_CODES, AppendixData, Group, IndicatorRow, UnitRow
from etl.deliver.appendix_quality import write_quality, write_restatements
from etl.deliver.appendix_words import (
    BLOCK_ORDER,
    COMPUTED_SUM,
    CONVENTION_BANDS,
    INDEX_TITLE,
    ROMAN,
    SHEET_NAMES,
    TEMPORARY_DENOMINATOR,
    Band,
    ProvinceNames,
    band_of,
    change_label,
    comparison_notes,
    indicator_note,
    no_comparison,
    period_label,
    period_title,
    provisional_note,
    rank_change_vi,
    source_line,
    temporary_codes,
    temporary_footnote,
    unit_note,
)
from etl.deliver.sheet_style import (
    BODY_SIZE,
    FONT_NAME,
    SIGNED_TWO_DECIMALS,
    SIGNED_WHOLE,
    TWO_DECIMALS,
    TWO_DECIMALS_MARKED,
    TWO_DECIMALS_UNMARKED,
    WHOLE,
    Column,
    Number,
    TableSheet,
)
from etl.deliver.sheet_text import number_vi, time_vi
from etl.deliver.workbook_bytes import workbook_bytes

_CENT = Decimal("0.01")
_NOTE_SIZE = 10


def render_appendix(
    data: AppendixData, names: ProvinceNames, *, bands: Sequence[Band] = CONVENTION_BANDS
) -> bytes:
    """The workbook as XLSX bytes: "Toàn tỉnh", one sheet for each block that has units,
    "Chất lượng số liệu", and "Điều chỉnh số liệu" when the portal restated something.

    ``bands`` (descending) is the rating convention. Raises ValueError on a capture time
    without a time zone.
    """
    workbook = Workbook()
    del workbook["Sheet"]
    # The base font also sets the unit of column widths.
    workbook._named_styles["Normal"].font = Font(  # type: ignore[attr-defined]
        name=FONT_NAME, size=BODY_SIZE
    )
    blocks = sorted(
        {unit.block for unit in data.units},
        key=lambda block: (BLOCK_ORDER.index(block) if block in BLOCK_ORDER else len(BLOCK_ORDER), block),
    )
    appendices = iter(ROMAN)

    def sheet(name: str, columns: Sequence[Column], subject: str, title: str = INDEX_TITLE) -> TableSheet:
        table = TableSheet(workbook.create_sheet(name), columns)
        table.banner(
            f"PHỤ LỤC {next(appendices)}",
            title,
            f"{subject} \u2013 {period_title(data)}".upper(),
            # Number and date stay blank: a person issues the report.
            f"(Kèm theo Báo cáo số          /{names.report_symbol} ngày      tháng      năm          "
            f"của {names.office})",
        )
        return table

    _write_province(sheet(SHEET_NAMES["province"], _province_columns(), names.province), data, names)
    for block in blocks:
        units = [unit for unit in data.units if unit.block == block]
        title = f"{names.block_titles.get(block, block)} {names.province}"
        table = sheet(SHEET_NAMES.get(block, block), _block_columns(data, units), title)
        _write_block(table, data, units, bands)
    write_quality(sheet, data, names)
    if data.restatements:
        write_restatements(sheet, data, names)
    return workbook_bytes(
        workbook,
        title=f"Phụ lục kết quả thực hiện Bộ chỉ số 766, {names.province}, {data.period.label_vi}",
        creator=names.office,
        at=data.snapshot.captured_at,
    )


# ------------------------------------------------------------------ the province's own sheet


def _province_columns() -> list[Column]:
    return [
        Column("Mã", 7, "center"),
        Column("Nhóm chỉ số, chỉ số thành phần", 66),
        Column("Tử số", 11, "right"),
        Column("Mẫu số", 11, "right"),
        Column("Tỷ lệ (%)", 10, "right"),
        Column("Điểm đạt", 10, "right"),
        Column("Điểm\ntối đa", 9, "center"),
        Column("Ghi chú", 36),
    ]


def _write_province(table: TableSheet, data: AppendixData, names: ProvinceNames) -> None:
    for sentence in _province_summary(data, names):
        table.paragraph(sentence, size=12)
    table.header()
    by_group: dict[str | None, list[IndicatorRow]] = {}
    for row in data.indicators:
        if row.level == "component":
            by_group.setdefault(row.group_code, []).append(row)
    published = {row.indicator_code: row for row in data.indicators if row.level != "component"}
    for number, group in enumerate(data.groups):
        own = published.get(group.code)
        table.line(
            [
                ROMAN[number],
                f"{group.name} ({group.code})",
                None,
                None,
                Number(own.ratio_pct if own else None, TWO_DECIMALS_UNMARKED),
                Number(own.score if own else None, TWO_DECIMALS_UNMARKED),
                _maximum(group.max_score),
                None if own and own.score is not None else "Không có số liệu",
            ],
            strong=True,
        )
        for component in by_group.pop(group.code, []):
            _write_component(table, component)
    for rest in by_group.values():  # a group nobody declared: shown, never dropped
        for component in rest:
            _write_component(table, component)
    total = published.get("TOTAL")
    table.line(
        [
            None,
            "TỔNG ĐIỂM",
            None,
            None,
            Number(total.ratio_pct if total else None, TWO_DECIMALS_UNMARKED),
            Number(total.score if total else None, TWO_DECIMALS_UNMARKED),
            _maximum(total.max_score if total and total.max_score is not None else Decimal(100)),
            "Cộng sáu nhóm (tính toán)" if total and total.quality_flag == COMPUTED_SUM else None,
        ],
        strong=True,
    )
    flagged = [row for row in data.indicators if row.quality_flag == TEMPORARY_DENOMINATOR]
    notes = [
        "Ô trống: Cổng không có số liệu; không phải điểm 0. Tỷ lệ của chỉ số thành phần = tử số/mẫu số; "
        "tỷ lệ ở dòng nhóm và dòng tổng (nếu có) = điểm đạt/điểm tối đa.",
        temporary_footnote(", ".join(row.indicator_code for row in flagged)),
        None
        if any(row.level == "component" for row in data.indicators)
        else "Nguồn của kỳ này chỉ công bố điểm các nhóm, không công bố chỉ số thành phần.",
        provisional_note(data),
        *(
            comparison_notes(data, compared=True)
            if data.province and data.province.compared_period_id
            else ()
        ),
    ]
    _write_notes(table, data, notes)
    table.finish(frozen_columns=2)


def _write_component(table: TableSheet, row: IndicatorRow) -> None:
    temporary = row.quality_flag == TEMPORARY_DENOMINATOR
    table.line(
        [
            row.indicator_code,
            row.name,
            Number(row.numerator, WHOLE),
            Number(row.denominator, WHOLE),
            Number(row.ratio_pct, TWO_DECIMALS_MARKED if temporary else TWO_DECIMALS_UNMARKED),
            Number(row.score, TWO_DECIMALS_MARKED if temporary else TWO_DECIMALS_UNMARKED),
            _maximum(row.max_score),
            indicator_note(row),
        ]
    )


def _province_summary(data: AppendixData, names: ProvinceNames) -> list[str]:
    own, national = data.province, data.national
    if own is None or own.total is None:
        score = f"Tổng điểm {names.province}: chưa có số liệu."
    else:
        score = f"Tổng điểm {names.province}: {number_vi(own.total, 2)}/100 điểm"
        if own.compared_period_id and own.total_change is not None:
            change = number_vi(own.total_change, 2, signed=True)
            score += f"; thay đổi so với {period_label(own.compared_period_id)}: {change} điểm."
        else:
            reason = no_comparison(data.period)
            score += f"; {reason[:1].lower()}{reason[1:]}."
    if national is None:
        return [score, "Xếp hạng toàn quốc: chưa có bảng xếp hạng các tỉnh, thành phố của kỳ này."]
    read_at = f"theo bảng toàn quốc chụp lúc {time_vi(national.captured_at)}"
    if national.rank is None:
        return [score, f"Xếp hạng toàn quốc: {names.province} không có hạng {read_at}."]
    rank = f"Xếp hạng toàn quốc: {national.rank}/{national.ranked_provinces} tỉnh, thành phố"
    if national.compared_period_id and national.rank_change is not None:
        rank += f", {rank_change_vi(national.rank_change)} so với {period_label(national.compared_period_id)}"
    rank += f", {read_at}"
    if national.total is not None and (own is None or national.total != own.total):
        # The national page and the six groups are read apart and need not agree.
        rank += f" (bảng này ghi {number_vi(national.total, 2)} điểm)"
    return [score, f"{rank}."]


# ------------------------------------------------------------------ one sheet per block


def _block_columns(data: AppendixData, units: Sequence[UnitRow]) -> list[Column]:
    compared = change_label(units)
    return [
        Column("STT", 5, "center"),
        Column("Đơn vị", 40),
        *(
            # "Dịch vụ công trực tuyến" is the longest: a wider column keeps it to two lines.
            Column(_group_heading(group), 12.4 if group.code == "CLGQ" else 10.3, "right")
            for group in data.groups
        ),
        Column("Tổng điểm\n(tối đa 100)", 10.5, "right"),
        Column("Xếp hạng trong khối", 7.5, "center"),
        Column(f"Tăng, giảm điểm so với {compared}", 11, "right"),
        Column(f"Tăng, giảm hạng so với {compared}", 11, "center"),
        Column("Xếp loại\n(quy ước)", 11, "center"),
        Column("Ghi chú", 21),
    ]


def _group_heading(group: Group) -> str:
    maximum = f"\n(tối đa {number_vi(group.max_score)})" if group.max_score is not None else ""
    return f"{group.code}\n{group.name}{maximum}"


def _write_block(
    table: TableSheet, data: AppendixData, units: Sequence[UnitRow], bands: Sequence[Band]
) -> None:
    table.header()
    ordered = sorted(units, key=_by_rank)
    temporary = temporary_codes(ordered)
    group_of = {row.indicator_code: row.group_code for row in data.indicators}
    # Where the catalogue does not know the indicator, its number tells its group: 1.4 → first.
    marked_groups = {code: group_of.get(code) or _group_by_number(code) for code in temporary}

    def score_format(code: str, marked: bool) -> str:
        if code not in marked_groups.values():
            return TWO_DECIMALS
        return TWO_DECIMALS_MARKED if marked else TWO_DECIMALS_UNMARKED

    for number, unit in enumerate(ordered, start=1):
        marked = {marked_groups[code] for code, flag in unit.flags if flag == TEMPORARY_DENOMINATOR}
        table.line(
            [
                Number(number, WHOLE),
                unit.unit_name,
                *(
                    Number(score, score_format(code, code in marked))
                    for code, score in zip(GROUP_CODES, unit.group_scores, strict=True)
                ),
                Number(unit.total),
                Number(unit.rank_in_block, WHOLE),
                Number(unit.total_change, SIGNED_TWO_DECIMALS),
                Number(unit.rank_change, SIGNED_WHOLE),
                band_of(unit, bands),
                unit_note(unit, GROUP_CODES),
            ]
        )
    active = [unit for unit in ordered if not unit.no_dossiers]
    table.line(
        [
            None,
            "Trung bình khối (tính toán)",
            *(
                Number(mean_score([unit.group_scores[place] for unit in active]), score_format(code, False))
                for place, code in enumerate(GROUP_CODES)
            ),
            Number(mean_score([unit.total for unit in active])),
            *[None] * 5,
        ],
        strong=True,
    )
    _write_notes(table, data, _block_notes(data, ordered, bands))
    table.finish(frozen_columns=2)


def _block_notes(data: AppendixData, units: Sequence[UnitRow], bands: Sequence[Band]) -> list[str | None]:
    idle = sum(unit.no_dossiers for unit in units)
    inherited = ", ".join(row.indicator_code for row in data.indicators if row.inherited)
    ratings = [band_of(unit, bands) for unit in units]
    compared = any(unit.compared_period_id for unit in units)
    summed = any(flag == COMPUTED_SUM for unit in units for _, flag in unit.flags)
    named = ", ".join(
        f"{code} ({count}/{len(units)} đơn vị)" for code, count in temporary_codes(units).items()
    )
    limits = "; ".join(f"{band.name} từ {number_vi(band.minimum)} điểm" for band in bands[:-1])
    return [
        temporary_footnote(named),
        "Ô trống: Cổng không có số liệu; không phải điểm 0.",
        *(comparison_notes(data, compared=compared)),
        "Xếp hạng trong khối theo tổng điểm"
        + (" (tổng sáu nhóm, do phần mềm cộng)" if summed else "")
        + " làm tròn 2 chữ số thập phân, bằng điểm thì đồng hạng (1, 2, 2, 4); dấu + ở cột tăng, giảm hạng "
        "là tăng bậc.",
        f"Chỉ số {inherited} là giá trị chung của tỉnh, lặp lại ở mọi đơn vị: không so sánh đơn vị theo các "
        "chỉ số này."
        if inherited
        else None,
        "Trung bình khối: bình quân giản đơn của các đơn vị có số liệu ở từng cột"
        + (f", không gồm {idle} đơn vị không phát sinh hồ sơ" if idle else "")
        + "; làm tròn 2 chữ số thập phân.",
        f"Xếp loại là quy ước, không phải quy định: {limits}; còn lại {bands[-1].name}. Trong khối: "
        + ", ".join(f"{band.name} {ratings.count(band.name)}" for band in bands)
        + (f", không xếp loại {ratings.count(None)}." if None in ratings else "."),
        provisional_note(data),
    ]


def mean_score(values: Sequence[Decimal | None]) -> Decimal | None:
    """Simple mean of the values that exist, two decimals, half up; None of nothing."""
    present = [value for value in values if value is not None]
    if not present:
        return None
    return (sum(present, Decimal(0)) / len(present)).quantize(_CENT, ROUND_HALF_UP)


def _by_rank(unit: UnitRow) -> tuple[bool, int, str, str]:
    rank = unit.rank_in_block
    # Vietnamese order without a collation library: base letters first, đ after d.
    base = unicodedata.normalize("NFD", unit.unit_name.casefold().replace("đ", "d\uffff"))
    letters = "".join(character for character in base if not unicodedata.combining(character))
    return (rank is None, rank or 0, letters, unit.unit_name)


def _group_by_number(indicator_code: str) -> str | None:
    """The group of an indicator from its number where only the number is known: 1 → CKMB,
    2 → TDGQ, 4 → MDSH, 5 → MDHL; 3 is shared by CLGQ and TTTT and stays unknown."""
    return {"1": "CKMB", "2": "TDGQ", "4": "MDSH", "5": "MDHL"}.get(indicator_code.split(".")[0])


def _maximum(value: Decimal | None) -> Number:
    whole = value is None or value == value.to_integral_value()
    return Number(value, WHOLE) if whole else Number(value)


def _write_notes(table: TableSheet, data: AppendixData, notes: Sequence[str | None]) -> None:
    """Notes and source in one cell: a page break may stand before it, never inside it."""
    lines = [note if note.startswith("*") else f"\u2013 {note}" for note in notes if note]
    table.paragraph("\n".join(["Ghi chú:", *lines, source_line(data)]), size=_NOTE_SIZE)
