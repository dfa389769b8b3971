"""The Vietnamese words of a changed figure: of which indicator, which quantity, from what to what.

One vocabulary for every document that tells what a source has changed: ``core.restatement`` speaks in codes, and its
lines are of the portal's figures and of digitization alike. A code nobody has translated is shown as it is.
"""

from __future__ import annotations

from decimal import Decimal

from etl.deliver.appendix_words import FIELDS, flag_vi
from etl.deliver.digitization_words import MEASURE_NAMES, block_vi
from etl.reference.indicators import TOTAL_CODE

# mart.restatements: the lines of a corrected form or list bear this instead of an indicator.
DIGITIZATION_CODE = "DIGITIZATION"
_INDICATORS = {TOTAL_CODE: "Tổng điểm", DIGITIZATION_CODE: "Số hóa hồ sơ"}
_FIELDS = FIELDS | MEASURE_NAMES | {"block": "Khối"}
_PRESENCE = {"present": "có", "absent": "không có"}


def restated_indicator(code: str) -> str:
    """ "Tổng điểm", "Số hóa hồ sơ"; a group's or component's code stays one."""
    return _INDICATORS.get(code, code)


def restated_field(field: str) -> str:
    """ "Tử số", "Đã số hóa kết quả giải quyết", "Khối"; an unknown one is quoted."""
    return _FIELDS.get(field, field)


def restated_value(field: str, value: Decimal | str | None) -> Decimal | str | None:
    """An old or new value: words for a code, a figure as it is, None for a missing figure.

    No flag is not a missing figure: it is said.
    """
    if field == "quality_flag":
        return "không có" if value is None else flag_vi(str(value))
    if not isinstance(value, str):
        return value
    if field == "presence":
        return _PRESENCE.get(value, value)
    return block_vi(value) if field == "block" else value
