"""How big a file handed in may be, and what its reader may use: each number with its reason."""

from __future__ import annotations

from dataclasses import dataclass

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


@dataclass(frozen=True)
class Limits:
    """Bounds of one file and of the process that reads it. Sizes in bytes, time in seconds."""

    # A dossier list takes 150 to 250 bytes a row: 10 million rows must pass, with room.
    max_file_bytes: int = 4 * GIB
    # 300,000 rows x 15 columns unpack to 244 MB (openpyxl, texts in the cells): a full sheet of
    # 1,048,576 such rows to 850 MB, and workbooks may hold two.
    max_unpacked_bytes: int = 2 * GIB
    # Sheets of real lists pack 8 to 20 times, empty formatted cells up to about 100 times;
    # a bomb of zeros 1,000 times.
    max_zip_ratio: int = 200
    # A workbook of 200 sheets with drawings and comments has about 1,200.
    max_zip_members: int = 5_000
    # What Excel itself can hold.
    max_sheet_rows: int = 1_048_576
    # LibreOffice pads formatted rows to its classical width, AMJ; lists have up to 60 columns.
    max_sheet_columns: int = 1_024
    # Readers hold a sheet's whole rectangle at 31 bytes a cell (measured): 1 GB. A full sheet of
    # 30 columns passes; one cell at XFD20000 would be 328 million.
    max_sheet_cells: int = 32_000_000
    # A cell holds 32,767 characters in Excel: 200 KB if each is written as &#7841;, so 1 MB is no cell.
    max_cell_bytes: int = 1 * MIB
    max_merged_ranges: int = 100_000
    # A line of a list takes hundreds of bytes; one of a megabyte is an unclosed quote or no list.
    max_line_bytes: int = 1 * MIB
    # A province's form in JSON takes 100 KB; parsed, JSON takes ten times its size.
    max_json_bytes: int = 16 * MIB
    max_json_depth: int = 64
    max_json_digits: int = 30
    max_json_text: int = 32_767
    # 10 million dossiers are promised in less than 2 GB: half as much again.
    memory_bytes: int = 3 * GIB
    # 10 million rows take about 20 s on two cores; office machines and their disks are slower.
    seconds: float = 600.0
