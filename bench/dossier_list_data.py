"""Dossier lists of any size for the benchmark, with planted faults. Figures and persons are invented."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openpyxl
import polars as pl

PROVINCE = "H44"
UNITS = tuple(f"{PROVINCE}.{100 + number}" for number in range(150))
TITLE = ("SỐ LIỆU MẪU", "Từ ngày 15/08/2026 đến ngày 14/09/2026")
# A chunk of the file: what the generator holds at once.
_CHUNK = 1_000_000
_MOMENT = "%d/%m/%Y %H:%M:%S"

# Every so many rows one fault of each kind (prime, so that faults meet all units and days): 1 % of the rows.
_EVERY = 2_503
_CODE, _STATUS, _RECEIVED, _DUE, _FINISHED = (
    "Mã hồ sơ",
    "Trạng thái",
    "Ngày tiếp nhận",
    "Ngày hẹn trả",
    "Ngày kết thúc xử lý",
)
_DIGITIZED, _REUSED, _PORTAL, _RESULT = (
    "Số hóa TPHS",
    "Tái sử dụng TP",
    "Tái sử dụng từ Cổng DVCQG",
    "Số hóa KQ",
)
_FAULTS: tuple[tuple[str, str | None], ...] = (
    (_CODE, ""),
    (_CODE, "H44/100/0001"),
    (_CODE, "H15.100-260820-0001"),
    (_CODE, "H44.999-260820-0001"),
    (_CODE, "H44.100-261320-0001"),
    (_STATUS, ""),
    (_STATUS, "11"),
    (_STATUS, "đang chờ"),
    (_RECEIVED, "31/09/2026 08:00:00"),
    (_RECEIVED, ""),
    (_RECEIVED, "01/12/2026 08:00:00"),
    (_DUE, "hôm nào đó"),
    (_FINISHED, "00/00/0000"),
    (_FINISHED, ""),
    (_FINISHED, "01/08/2026 08:00:00"),
    ("Kênh thực hiện", "9"),
    (_DIGITIZED, "2"),
    (_DIGITIZED, ""),
    (_REUSED, "-"),
    (_PORTAL, ""),
    (_RESULT, "?"),
    (_RESULT, ""),
)
# Then a row that repeats the one before it, and one that repeats its code but not its status.
_REPEAT, _CONFLICT = len(_FAULTS) + 1, len(_FAULTS) + 3


def rows(first: int, count: int) -> pl.DataFrame:
    """Rows ``first`` to ``first + count`` of the list, 15 columns of text as an office exports them."""
    rng = np.random.default_rng(766 + first)
    index = np.arange(first, first + count)
    received = np.datetime64("2026-08-15T00:00:00", "ms") + rng.integers(0, 31 * 86_400, count).astype(
        "timedelta64[s]"
    )
    status = rng.choice(10, count, p=[0.02, 0.05, 0.03, 0.1, 0.02, 0.01, 0.03, 0.01, 0.03, 0.7]) + 1
    digitized = rng.random(count) < 0.8
    reused = digitized & (rng.random(count) < 0.4)
    plain = pl.DataFrame(
        {
            "index": index,
            "unit": np.array(UNITS)[rng.integers(0, len(UNITS), count)],
            "received": received,
            "due": received + rng.integers(86_400, 20 * 86_400, count).astype("timedelta64[s]"),
            "finished": received + rng.integers(600, 20 * 86_400, count).astype("timedelta64[s]"),
            "status": status,
            "digitized": digitized,
            "reused": reused,
            "portal": reused & (rng.random(count) < 0.5),
            "result": np.isin(status, [7, 9, 10]) & (rng.random(count) < 0.85),
        }
    )
    texts = plain.select(
        "index",
        pl.format(
            "{}-{}-{}",
            "unit",
            pl.col("received").dt.strftime("%y%m%d"),
            pl.col("index").cast(pl.String).str.zfill(4),
        ).alias(_CODE),
        pl.format("1.{}.000.00.00.H44", pl.col("index") % 900 + 100).alias("Mã thủ tục"),
        pl.format("Nguyễn Thị Mẫu {}", pl.col("index") % 1000).alias("Họ và tên"),
        pl.format("0990{}", pl.col("index") % 90_000_000 + 10_000_000).alias("Số CCCD"),
        pl.format("Số {}, tổ {}, phường Mẫu Hoà", pl.col("index") % 300, pl.col("index") % 17).alias(
            "Địa chỉ"
        ),
        pl.format("09{}", pl.col("index") % 90_000_000 + 10_000_000).alias("Số điện thoại"),
        pl.col("status").cast(pl.String).alias(_STATUS),
        pl.col("received").dt.strftime(_MOMENT).alias(_RECEIVED),
        pl.col("due").dt.strftime(_MOMENT).alias(_DUE),
        pl.when(pl.col("status").is_in([7, 9, 10]))
        .then(pl.col("finished").dt.strftime(_MOMENT))
        .alias(_FINISHED),
        (pl.col("index") % 3 + 1).cast(pl.String).alias("Kênh thực hiện"),
        _flag("digitized", _DIGITIZED),
        _flag("reused", _REUSED),
        _flag("portal", _PORTAL),
        _flag("result", _RESULT),
    )
    return _with_faults(texts).drop("index")


def _flag(name: str, header: str) -> pl.Expr:
    return pl.col(name).cast(pl.Int8).cast(pl.String).alias(header)


def _with_faults(texts: pl.DataFrame) -> pl.DataFrame:
    place = pl.col("index") % _EVERY
    for number, (column, fault) in enumerate(_FAULTS):
        texts = texts.with_columns(
            pl.when(place == number).then(pl.lit(fault)).otherwise(column).alias(column)
        )
    before = [
        pl.when(place == _REPEAT).then(pl.col(name).shift(1)).otherwise(name).alias(name)
        for name in texts.columns
        if name != "index"
    ]
    texts = texts.with_columns(before)
    other = pl.when(pl.col(_STATUS).shift(1) == "4").then(pl.lit("5")).otherwise(pl.lit("4"))
    conflict = place == _CONFLICT
    return texts.with_columns(
        pl.when(conflict).then(pl.col(_CODE).shift(1)).otherwise(_CODE).alias(_CODE),
        pl.when(conflict).then(other).otherwise(_STATUS).alias(_STATUS),
    )


def write_csv(path: Path, count: int) -> None:
    """A CSV list of ``count`` rows: two title lines, a header, the rows."""
    with path.open("wb") as handle:
        handle.write("".join(line + "\n" for line in TITLE).encode())
        for first in range(0, count, _CHUNK):
            rows(first, min(_CHUNK, count - first)).write_csv(handle, include_header=first == 0)


def write_workbook(path: Path, count: int) -> None:
    """The same as a workbook of one sheet, every cell a text, as one-stop systems export it."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Danh sách")
    frame = rows(0, count)
    for line in (*([title] for title in TITLE), frame.columns, *frame.iter_rows()):
        sheet.append([value or None for value in line])
    book.save(path)
