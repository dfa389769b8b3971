"""Which unit a row of a form or list speaks of: by its code, else by its folded name within its block.

Never by name alone across blocks or provinces (domain brief, section 5): "Phước Hưng" exists
twice, "Hoà" is also written "Hòa", files come in decomposed Unicode. A row that could be two
units is refused, and the refusal says how to tell them apart.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import pyarrow as pa

from etl.errors import FileRefused
from etl.reference.provinces import Province
from etl.reference.unit_spelling import bare, fold, means, splits, variants
from etl.reference.units import KnownUnit
from etl.sources.digitization import UNIT_ROWS, parent_over
from etl.sources.tidy import REJECTED, table_of

# A row whose unit is known: `unit_id` is the durable id (UUID as text), `block` the unit's own.
MATCHED_ROWS = UNIT_ROWS.append(pa.field("unit_id", pa.string()))
MATCH_RULES = {
    "unit_unknown": "Đơn vị có trong danh mục của tỉnh vào ngày cuối kỳ.",
    "unit_ambiguous": "Tên đơn vị chỉ đúng một đơn vị trong danh mục.",
    "unit_repeated": "Mỗi đơn vị chỉ có một dòng trong tệp.",
}
BLOCK_NAMES_VI = {
    "department": "sở, ban, ngành",
    "land_office": "văn phòng đăng ký đất đai",
    "district": "cấp huyện",
    "commune": "cấp xã",
}

_CODE = re.compile(r"H\d{2}(?:\.\d+)*")


@dataclass(frozen=True)
class Matched:
    """``rows`` (schema MATCHED_ROWS: unit_id, unit_code and block filled) and ``rejected`` (REJECTED)."""

    rows: pa.Table
    rejected: pa.Table


def match_units(rows: pa.Table, directory: Sequence[KnownUnit], province: Province) -> Matched:
    """Find each row's unit in the directory of its province and day.

    ``rows`` has the schema UNIT_ROWS. In this order: the code (or its longest known prefix); the
    folded name within the row's block (over all blocks where the form has no sections); the name
    with the parent's, "xã Phước Hưng - huyện Long Điền" or "Phước Hưng (Long Điền)". A name without
    its kind word counts where no kind is written and only one unit bears it. Rows that find none,
    several, or the unit of another row are refused one by one (rules of MATCH_RULES).

    ``parent`` among a row's attributes is the unit above that the form's sub-heading names: it tells
    namesakes apart, and a row whose unit is known to belong elsewhere is refused. A code outranks it. In
    matched rows it is the directory's name of the unit above, or nothing: what was written may be anything.

    Raises FileRefused (``units.none_known``) where the directory is empty: nothing can be told.
    """
    if not directory:
        raise FileRefused(
            f"no unit of {province.code} is known on that day",
            "read the portal for this province first, or add its unit list under <home>/provinces",
            rule="units.none_known",
            message_vi=f"Phần mềm chưa biết đơn vị nào của {province.name} trong kỳ này.",
            remedy_vi="Đọc số liệu của tỉnh trên Cổng trước, hoặc thêm danh mục đơn vị của tỉnh rồi nộp lại tệp.",
        )
    book = _Directory(directory, province)
    found: list[tuple[dict[str, Any], KnownUnit]] = []
    rejected: list[dict[str, Any]] = []
    for row in rows.to_pylist():
        answer = book.find(row)
        if isinstance(answer, KnownUnit):
            found.append((row, answer))
        else:
            rejected.append(_refusal(row, *answer))
    places: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row, unit in found:
        places[unit.unit_id].append(row)
    good = []
    for row, unit in found:
        same = places[unit.unit_id]
        if len(same) == 1:
            known = {"unit_id": str(unit.unit_id), "unit_code": unit.unit_code, "block": unit.block}
            good.append({**row, **known, "attributes": _known_parent(row["attributes"], unit.parent)})
        else:
            where = ", ".join(str(other["locator"]) for other in same)
            sentence = (
                f"{unit.name} xuất hiện {len(same)} lần trong tệp ({where}); "
                "chỉ giữ một dòng cho mỗi đơn vị rồi nộp lại."
            )
            rejected.append(_refusal(row, "unit_repeated", "unit_name", sentence))
    order = {locator: place for place, locator in enumerate(rows["locator"].to_pylist())}
    rejected.sort(key=lambda line: order[line["locator"]])
    return Matched(table_of(good, MATCHED_ROWS), table_of(rejected, REJECTED))


def names_agree(written: str, known: str, province: Province) -> bool:
    """Whether a name as written is the known one beyond spelling; a parent's name may stand behind it."""
    key = fold(known, province)
    heads = (written, *(left for left, _ in splits(written)))
    return any(means(variant, key) for head in heads for variant in variants(fold(head, province)))


def shown_units(units: Sequence[KnownUnit]) -> str:
    """Units as a person tells them apart: name, then the parent or the code in brackets."""
    return ", ".join(
        f"{unit.name} ({' - '.join(part for part in (unit.parent, unit.unit_code) if part)})"
        if unit.parent or unit.unit_code
        else unit.name
        for unit in units
    )


_Refused = tuple[str, str, str]  # rule, column, sentence


class _Directory:
    """The known units, by code and by folded name."""

    def __init__(self, units: Sequence[KnownUnit], province: Province) -> None:
        self.units = units
        self.province = province
        self.by_code: dict[str, list[KnownUnit]] = defaultdict(list)
        self.by_name: dict[str, list[KnownUnit]] = defaultdict(list)
        self.by_bare: dict[str, list[KnownUnit]] = defaultdict(list)
        for unit in units:
            if unit.unit_code:
                self.by_code[unit.unit_code].append(unit)
            key = fold(unit.name, province)
            self.by_name[key].append(unit)
            self.by_bare[bare(key)].append(unit)

    def find(self, row: Mapping[str, Any]) -> KnownUnit | _Refused:
        written = row["unit_code"] or _code_beside(row["unit_name"] or "")
        code = "".join(written.split()).upper()
        if _CODE.fullmatch(code):
            coded = self._coded(code)
            if len(coded) == 1:
                return coded[0]
            if not coded and not _within(code, self.province.code):
                return (
                    "unit_unknown",
                    "unit_code",
                    f"Mã {code} không thuộc {self.province.name} (mã {self.province.code}); "
                    "kiểm tra tệp có đúng của tỉnh và sửa mã đơn vị.",
                )
        else:
            code, coded = "", []
        candidates = coded or self._named(row["unit_name"] or "", row["block"])
        if not coded and code:
            # A code of this province that nobody knows: the name may decide only where no other code speaks.
            other = [unit for unit in candidates if unit.unit_code]
            if other:
                return (
                    "unit_unknown",
                    "unit_code",
                    f"Mã {code} không có trong danh mục; tên này là của {shown_units(other)}. "
                    "Sửa hoặc xóa mã đơn vị ở dòng này.",
                )
        if len(coded) > 1:  # one code for several units: the name beside it decides
            named = self._named(row["unit_name"] or "", row["block"])
            candidates = [unit for unit in coded if unit in named] or coded
        parent = parent_over(row["attributes"])
        if parent and candidates:
            below = self._below(candidates, parent)
            if not below:
                return self._elsewhere(row, candidates, parent)
            candidates = below
        if len(candidates) > 1:
            return self._ambiguous(row, candidates)
        return candidates[0] if candidates else self._unknown(row)

    def _coded(self, code: str) -> list[KnownUnit]:
        """The units of the longest known prefix: H15.50.05.13 is of H15.50 where only that is known."""
        while code:
            if code in self.by_code:
                return self.by_code[code]
            code = code.rpartition(".")[0]
        return []

    def _named(self, name: str, block: str | None) -> list[KnownUnit]:
        """Units of that name in the block; with the name of a parent written beside it, only the parent's."""
        found = self._of_block(self._spelled(name), block)
        if len(found) == 1:
            return found
        for left, right in splits(name):
            parent = fold(right, self.province)
            below = [
                unit
                for unit in self._of_block(self._spelled(left), block)
                if unit.parent and means(parent, fold(unit.parent, self.province))
            ]
            if below:
                return below
        return found

    def _below(self, units: Sequence[KnownUnit], parent: str) -> list[KnownUnit]:
        """Those of the units that belong to the one above; else those of which nobody knows where they belong."""
        heads = [fold(head, self.province) for head in (parent, *(left for left, _ in splits(parent)))]
        below = [
            unit
            for unit in units
            if unit.parent and any(means(head, fold(unit.parent, self.province)) for head in heads)
        ]
        return below or [unit for unit in units if not unit.parent]

    def _elsewhere(self, row: Mapping[str, Any], candidates: Sequence[KnownUnit], parent: str) -> _Refused:
        known = "; ".join(f"{unit.name} thuộc {unit.parent}" for unit in candidates)
        sentence = (
            f"“{_clipped(row['unit_name'])}” đứng dưới dòng “{_clipped(parent)}”, nhưng theo danh mục {known}; "
            "chuyển dòng về đúng đơn vị cấp trên, hoặc sửa tên đơn vị hay tên ở dòng cấp trên."
        )
        return "unit_unknown", "unit_name", sentence

    def _spelled(self, name: str) -> list[KnownUnit]:
        key = fold(name, self.province)
        for variant in variants(key):
            if variant in self.by_name:
                return self.by_name[variant]
        return self.by_bare.get(key, []) if key == bare(key) else []

    @staticmethod
    def _of_block(units: Sequence[KnownUnit], block: str | None) -> list[KnownUnit]:
        for wanted in (block, _KIN.get(block or "")):
            own = {unit.unit_id: unit for unit in units if block is None or unit.block == wanted}
            if own:
                return list(own.values())
        return []

    def _ambiguous(self, row: Mapping[str, Any], candidates: Sequence[KnownUnit]) -> _Refused:
        help_vi = (
            "ghi mã định danh của đơn vị"
            if any(unit.unit_code for unit in candidates)
            else "ghi thêm tên đơn vị cấp trên sau dấu gạch ngang, ví dụ “xã A - huyện B”"
        )
        sentence = (
            f"“{_clipped(row['unit_name'])}” có thể là {len(candidates)} đơn vị: {shown_units(candidates)}; "
            f"đề nghị {help_vi}."
        )
        return "unit_ambiguous", "unit_name", sentence

    def _unknown(self, row: Mapping[str, Any]) -> _Refused:
        name, block = row["unit_name"] or "", row["block"]
        where = f" trong khối {BLOCK_NAMES_VI.get(block, block)}" if block else ""
        sentence = f"“{_clipped(name)}” không có{where} của {self.province.name} trong kỳ này; "
        elsewhere = self._spelled(name)
        if elsewhere and block:
            blocks = dict.fromkeys(BLOCK_NAMES_VI.get(unit.block, unit.block) for unit in elsewhere)
            sentence += f"đơn vị này thuộc khối {', '.join(blocks)}: chuyển dòng về đúng mục của biểu."
            return "unit_unknown", "unit_name", sentence
        close = self._closest(fold(name, self.province), block)
        if close:
            sentence += f"có phải {shown_units(close)}? Sửa tên hoặc ghi mã định danh của đơn vị."
        else:
            sentence += "sửa tên cho đúng danh mục hoặc ghi mã định danh của đơn vị."
        return "unit_unknown", "unit_name", sentence

    def _closest(self, key: str, block: str | None) -> list[KnownUnit]:
        """Whom a name that was not found may mean: the same name of another kind, else the most alike."""
        other_kind = self._of_block(self.by_bare.get(bare(key), []), block)
        if other_kind:
            return other_kind
        pool = [unit for unit in self.units if block is None or unit.block == block] or self.units
        keys = {fold(unit.name, self.province): unit for unit in pool}
        return [keys[name] for name in get_close_matches(key, keys, n=1, cutoff=0.75)]


# The portal counts the land registration office among the departments; forms give it a section of its own.
_KIN = {"land_office": "department", "department": "land_office"}


def _code_beside(name: str) -> str:
    """The code that stands behind a name, as "UBND xã A (H44.107)"; empty where none does.

    A form without a column of codes has no other place to tell two namesakes apart.
    """
    return next((right for _, right in splits(name) if _CODE.fullmatch(right.strip().upper())), "")


def _known_parent(attributes: str | None, parent: str | None) -> str | None:
    """A row's attributes with the known name of the unit above in place of the written one."""
    if attributes is None or parent_over(attributes) is None:
        return attributes
    body = {name: value for name, value in json.loads(attributes).items() if name != "parent"}
    if parent:
        body["parent"] = parent
    return json.dumps(body, ensure_ascii=False, sort_keys=True) if body else None


def _within(code: str, above: str) -> bool:
    return code == above or code.startswith(f"{above}.")


def _clipped(name: str | None) -> str:
    return (name or "")[:120]


def _refusal(row: Mapping[str, Any], rule: str, column: str, sentence: str) -> dict[str, Any]:
    data = {name: value for name, value in row.items() if value is not None}
    value = row[column]
    return {
        "capture_sha256": row["capture_sha256"],
        "locator": row["locator"],
        "column_name": column,
        "value": None if value is None else str(value),
        "rule": rule,
        "severity": "fail",
        "message_vi": sentence,
        "row_data": json.dumps(data, ensure_ascii=False),
    }
