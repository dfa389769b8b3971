"""How a unit's name is spelt: one key for all spellings of it, its kind word, a parent's name behind it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from etl.reference.provinces import Province

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


def means(written: str, known: str) -> bool:
    """Whether a folded name as written may stand for a known one: the kind word may be left out, not changed."""
    return written == known or (written == bare(written) and written == bare(known))


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


def bare(key: str) -> str:
    """A folded name without its kind word; a numbered ward keeps it ("phường 1" is no unit called 1)."""
    for kind in _KIND_KEYS:
        if key.startswith(kind) and not key[len(kind) :].isdigit():
            return key[len(kind) :]
    return key


def variants(key: str) -> Iterator[str]:
    """The key, and what "TT" may stand for at its head."""
    yield key
    if key.startswith("tt "):
        for long in ("thị trấn", "trung tâm"):
            yield f"{fold(long)} {key[3:]}"


def splits(name: str) -> Iterator[tuple[str, str]]:
    """Where a name may end and the parent's begin: brackets, dashes with spaces, commas; the last first."""
    inside = re.fullmatch(r"\s*(.+?)\s*[(\[]([^()\[\]]+)[)\]]\s*", name)
    if inside:
        yield inside[1], inside[2]
    for cut in reversed(list(re.finditer(rf"\s[{_DASHES}]\s*|\s*[,;/]\s*", name))):
        left, right = name[: cut.start()], name[cut.end() :]
        if left.strip() and right.strip():
            yield left, right
