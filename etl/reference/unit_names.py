"""Which unit a row of a form or list speaks of: by its code, else by its folded name within its block.

Never by name alone across blocks or provinces (domain brief, section 5): "Phước Hưng" exists
twice, "Hoà" is also written "Hòa", files come in decomposed Unicode. A row that could be two
units is refused, and the refusal says how to tell them apart.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import pyarrow as pa

from etl.errors import FileRefused
from etl.reference.provinces import Province
from etl.reference.units import KnownUnit
from etl.sources.digitization import UNIT_ROWS
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

_TONES = frozenset("\u0300\u0301\u0303\u0309\u0323")
# Invisible characters that spreadsheets carry: zero width spaces and joiners, BOM, soft hyphen.
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_DASHES = "\\-\u2010-\u2015\u2212"
_KINDS = ("thị trấn", "thị xã", "thành phố", "đặc khu", "phường", "huyện", "quận", "xã")
# What offices shorten, on case-folded text. "gd&đt" before "&", longer before shorter.
_SHORT = tuple(
    (re.compile(rf"(?<!\w)(?:{short})(?!\w)"), long)
    for short, long in (
        (r"[uủ]y ban nhân dân|uỷ ban nhân dân|ub nhân dân", "ubnd"),
        (r"gd ?& ?đt", "giáo dục và đào tạo"),
        (r"nn ?& ?ptnt", "nông nghiệp và phát triển nông thôn"),
        (r"nn ?& ?mt", "nông nghiệp và môi trường"),
        (r"tn ?& ?mt", "tài nguyên và môi trường"),
        (r"tt ?& ?tt", "thông tin và truyền thông"),
        (r"lđ[ -]*tb[ &-]*xh", "lao động thương binh và xã hội"),
        (r"kh ?& ?đt", "kế hoạch và đầu tư"),
        (r"kh ?& ?cn", "khoa học và công nghệ"),
        (r"vh[, -]*tt[, &-]*dl", "văn hóa thể thao và du lịch"),
        (r"vh ?& ?tt", "văn hóa và thể thao"),
        (r"dt ?& ?tg", "dân tộc và tôn giáo"),
        (r"gtvt", "giao thông vận tải"),
        (r"vpđkđđ|vp ?đkđđ", "văn phòng đăng ký đất đai"),
        (r"vpđk", "văn phòng đăng ký"),
        (r"vp\.?", "văn phòng"),
        (r"cn\.?", "chi nhánh"),
        (r"bql\.?|ban ql\.?", "ban quản lý"),
        (r"pvhcc", "phục vụ hành chính công"),
        (r"kcn", "khu công nghiệp"),
        (r"kkt", "khu kinh tế"),
    )
)
_KIND_SHORT = tuple(
    (re.compile(pattern), long)
    for pattern, long in (
        (r"(?<!\w)tp\.?(?=\s|\w|$)", "thành phố "),
        (r"(?<!\w)hcm(?!\w)", "hồ chí minh"),
        (r"(?<!\w)br ?-? ?vt(?!\w)", "bà rịa vũng tàu"),
        (r"(?<!\w)tx\.?(?=\s|$)|(?<!\w)tx\.(?=\w)", "thị xã "),
        (r"(?<!\w)p\.\s*(?=\w)|(?<!\w)p\s*(?=\d)", "phường "),
        (r"(?<!\w)h\.\s*(?=\w)", "huyện "),
        (r"(?<!\w)q\.\s*(?=\w)|(?<!\w)q\s*(?=\d)", "quận "),
        (r"(?<!\w)x\.\s*(?=\w)", "xã "),
    )
)
_NUMBERING = re.compile(rf"^(?:\d+\s*[.)]\s*|[+*•{_DASHES}]\s+)+")
_CODE = re.compile(r"H\d{2}(?:\.\d+)*")


@dataclass(frozen=True)
class Matched:
    """``rows`` (schema MATCHED_ROWS: unit_id, unit_code and block filled) and ``rejected`` (REJECTED)."""

    rows: pa.Table
    rejected: pa.Table


def fold(name: str, province: Province | None = None) -> str:
    """A unit's name as a key for comparison; not for showing.

    One case, composed Unicode, each syllable's tone mark at its end (hoà = hòa), dashes and
    commas as spaces, usual abbreviations written out (UBND, TP., P., H., TX., Sở GD&ĐT), leading
    numbering and the leading "UBND" removed, the kind word kept; y and i stay different. With
    ``province``, a trailing "- tỉnh X" of that province is removed too.
    """
    text = unicodedata.normalize("NFC", name).translate(_INVISIBLE).casefold().replace("ð", "đ")
    text = " ".join(text.split())
    text = _NUMBERING.sub("", text)
    for pattern, long in (*_SHORT, *_KIND_SHORT):
        text = pattern.sub(long, text)
    words = re.sub(rf"[\s,;.()\[\]\"'“”&{_DASHES}]+", " ", text.replace("&", " và ")).split()
    words = [_toned_last(word.lstrip("0") or word if word.isdigit() else word) for word in words]
    if words[:1] == ["ubnd"] and len(words) > 1:
        words = words[1:]
    return " ".join(_without_province(words, province) if province else words)


def match_units(rows: pa.Table, directory: Sequence[KnownUnit], province: Province) -> Matched:
    """Find each row's unit in the directory of its province and day.

    ``rows`` has the schema UNIT_ROWS. In this order: the code (or its longest known prefix); the
    folded name within the row's block (over all blocks where the form has no sections); the name
    with the parent's, "xã Phước Hưng - huyện Long Điền" or "Phước Hưng (Long Điền)". A name without
    its kind word counts where no kind is written and only one unit bears it. Rows that find none,
    several, or the unit of another row are refused one by one (rules of MATCH_RULES).

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
            good.append({**row, **known})
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
    heads = (written, *(left for left, _ in _splits(written)))
    return any(_means(variant, key) for head in heads for variant in _variants(fold(head, province)))


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
            self.by_bare[_bare(key)].append(unit)

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
        for left, right in _splits(name):
            parent = fold(right, self.province)
            below = [
                unit
                for unit in self._of_block(self._spelled(left), block)
                if unit.parent and _means(parent, fold(unit.parent, self.province))
            ]
            if below:
                return below
        return found

    def _spelled(self, name: str) -> list[KnownUnit]:
        key = fold(name, self.province)
        for variant in _variants(key):
            if variant in self.by_name:
                return self.by_name[variant]
        return self.by_bare.get(key, []) if key == _bare(key) else []

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
        other_kind = self._of_block(self.by_bare.get(_bare(key), []), block)
        if other_kind:
            return other_kind
        pool = [unit for unit in self.units if block is None or unit.block == block] or self.units
        keys = {fold(unit.name, self.province): unit for unit in pool}
        return [keys[name] for name in get_close_matches(key, keys, n=1, cutoff=0.75)]


# The portal counts the land registration office among the departments; forms give it a section of its own.
_KIN = {"land_office": "department", "department": "land_office"}


def _toned_last(word: str) -> str:
    """The syllable with its tone mark moved behind it: one key for "hoà" and "hòa", "thuỷ" and "thủy".

    No two Vietnamese syllables differ only in where the tone mark stands.
    """
    letters = unicodedata.normalize("NFD", word)
    tones = "".join(letter for letter in letters if letter in _TONES)
    return unicodedata.normalize("NFC", "".join(x for x in letters if x not in _TONES)) + tones


def _without_province(words: list[str], province: Province) -> list[str]:
    """Without a trailing "tỉnh X", and without the bare "tỉnh" that "Thanh tra tỉnh" ends with."""
    full = fold(province.name).split()
    kind = full[:2] if full[:1] == ["thanh\u0300"] else full[:1]
    for tail in (full, kind):
        while len(words) > len(tail) and words[-len(tail) :] == tail:
            words = words[: -len(tail)]
    return words


_KIND_KEYS = tuple(" ".join(_toned_last(word) for word in kind.split()) + " " for kind in _KINDS)


def _bare(key: str) -> str:
    """A folded name without its kind word; a numbered ward keeps it ("phường 1" is no unit called 1)."""
    for kind in _KIND_KEYS:
        if key.startswith(kind) and not key[len(kind) :].isdigit():
            return key[len(kind) :]
    return key


def _variants(key: str) -> Iterator[str]:
    """The key, and what "TT" may stand for at its head."""
    yield key
    if key.startswith("tt "):
        for long in ("thị trấn", "trung tâm"):
            yield f"{fold(long)} {key[3:]}"


def _splits(name: str) -> Iterator[tuple[str, str]]:
    """Where a name may end and the parent's begin: brackets, dashes with spaces, commas; the last first."""
    inside = re.fullmatch(r"\s*(.+?)\s*[(\[]([^()\[\]]+)[)\]]\s*", name)
    if inside:
        yield inside[1], inside[2]
    for cut in reversed(list(re.finditer(rf"\s[{_DASHES}]\s*|\s*[,;/]\s*", name))):
        left, right = name[: cut.start()], name[cut.end() :]
        if left.strip() and right.strip():
            yield left, right


def _code_beside(name: str) -> str:
    """The code that stands behind a name, as "UBND xã A (H44.107)"; empty where none does.

    A form without a column of codes has no other place to tell two namesakes apart.
    """
    return next((right for _, right in _splits(name) if _CODE.fullmatch(right.strip().upper())), "")


def _means(written: str, known: str) -> bool:
    """Whether a folded name as written may stand for a known one: the kind word may be left out, not changed."""
    return written == known or (written == _bare(written) and written == _bare(known))


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
