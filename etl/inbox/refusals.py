"""What the guard says when it refuses: two sentences in English, the same two for the office.

``SENTENCES`` is the whole list of its rules; numbers and names are filled in by ``refusal``.
No sentence quotes a cell.
"""

from __future__ import annotations

from etl.errors import FileRefused

_LONGEST_NAME = 60

Fact = int | float | str | tuple[str, str]

_SAVE = "open it in Excel, save it as Excel Workbook (.xlsx) and hand that in"
_SAVE_VI = "Mở tệp bằng Excel, chọn Lưu thành (Save As) → Excel Workbook (.xlsx) rồi gửi lại tệp mới."
_AGAIN = "make the file again from the program it came from and hand that in"
_AGAIN_VI = "Xuất lại tệp từ phần mềm nguồn rồi gửi lại."
_SUSPECT = "do not open it; ask who sent it, make the file anew in Excel and hand that in"
_SUSPECT_VI = (
    "Không mở tệp; kiểm tra lại nguồn gửi. Tạo lại bảng số liệu trong một tệp Excel mới (.xlsx) rồi gửi lại."
)
_VALUES = "copy the cells into a new workbook as values only and hand that in"
_VALUES_VI = "Chép bảng sang tệp Excel mới bằng Dán đặc biệt → Giá trị (Paste Special → Values), lưu .xlsx rồi gửi lại."
_UTF8 = "save it as “CSV UTF-8 (Comma delimited)” in Excel and hand that in"
_UTF8_VI = (
    "Trong Excel chọn Lưu thành (Save As) → CSV UTF-8 (Comma delimited) (*.csv), hoặc lưu .xlsx, rồi gửi lại."
)
_TABLE = "hand in the table itself as .xlsx, .csv or .json"
_TABLE_VI = "Gửi chính bảng số liệu dưới dạng .xlsx, .csv hoặc .json."

# rule: message, remedy, message_vi, remedy_vi
SENTENCES: dict[str, tuple[str, str, str, str]] = {
    # --- the file as such
    "guard.not_a_file": (
        "it is a link, a folder or a device, not a file",
        "hand in the file itself",
        "Đây là liên kết, thư mục hoặc thiết bị, không phải tệp.",
        "Gửi chính tệp số liệu, không gửi lối tắt (shortcut).",
    ),
    "guard.changing": (
        "the file changed while it was being inspected",
        "wait until it is written or copied, then hand it in again",
        "Tệp đang được ghi hoặc sao chép trong lúc kiểm tra.",
        "Đợi sao chép xong, đóng tệp trong Excel rồi gửi lại.",
    ),
    "guard.empty": (
        "the file is empty ({size} bytes, no text)",
        "save it again and look at its size before handing it in",
        "Tệp rỗng ({size} byte, không có nội dung).",
        "Lưu lại tệp, kiểm tra dung lượng khác 0 rồi gửi lại.",
    ),
    "guard.too_big": (
        "the file has {size} MB; at most {limit} MB are taken",
        "split it by month or by unit and hand in the parts",
        "Tệp có dung lượng {size} MB, vượt mức tối đa {limit} MB.",
        "Chia tệp theo tháng hoặc theo đơn vị rồi gửi từng phần.",
    ),
    "guard.wrong_extension": (
        "the name ends in {extension}, the content is {kind}",
        "give the name the ending {right}, or save it as .xlsx, and hand it in again",
        "Tên tệp có đuôi {extension} nhưng nội dung thật là {kind}.",
        "Đổi đuôi tệp thành {right}, hoặc mở bằng Excel và lưu lại dạng .xlsx, rồi gửi lại.",
    ),
    # --- what is no table, or not one of ours
    "guard.pdf": (
        "it is a PDF document",
        _TABLE,
        "Đây là tệp PDF, không đọc được số liệu.",
        _TABLE_VI + " Bản PDF ký số gửi theo đường văn bản.",
    ),
    "guard.picture": (
        "it is a picture",
        _TABLE,
        "Đây là tệp ảnh (ảnh chụp hoặc bản quét), không đọc được số liệu.",
        _TABLE_VI,
    ),
    "guard.archive": (
        "it is a packed archive, not a workbook",
        "unpack it and hand in the files one by one",
        "Đây là tệp nén (ZIP, RAR, 7z, gz), không phải bảng số liệu.",
        "Giải nén rồi gửi từng tệp .xlsx, .csv hoặc .json.",
    ),
    "guard.office_document": (
        "it is a Word, PowerPoint or other Office document, not a workbook",
        _TABLE,
        "Đây là văn bản Word, PowerPoint hoặc tài liệu khác, không phải bảng tính.",
        "Chép bảng sang Excel, lưu dạng .xlsx rồi gửi lại.",
    ),
    "guard.old_xls": (
        "it is a workbook in the old format of Excel 97-2003 (.xls)",
        _SAVE,
        "Đây là bảng tính định dạng cũ Excel 97-2003 (.xls).",
        "Mở bằng Excel, lưu lại dạng .xlsx (Save As → Excel Workbook) rồi gửi lại.",
    ),
    "guard.encrypted": (
        "the file is protected by a password and cannot be read",
        "remove the password (File, Info, Protect Workbook), save it as .xlsx and hand that in",
        "Tệp được đặt mật khẩu nên không đọc được.",
        "Bỏ mật khẩu (Tệp → Thông tin → Bảo vệ sổ làm việc), lưu lại dạng .xlsx rồi gửi lại. Không gửi kèm mật khẩu.",
    ),
    "guard.ods": (
        "it is an OpenDocument spreadsheet (.ods)",
        "save it as Excel 2007-365 (.xlsx) in LibreOffice and hand that in",
        "Đây là bảng tính OpenDocument (.ods).",
        "Mở bằng LibreOffice hoặc Excel, lưu lại dạng .xlsx rồi gửi lại.",
    ),
    "guard.xlsb": (
        "it is a binary workbook (.xlsb)",
        _SAVE,
        "Đây là bảng tính nhị phân (.xlsb).",
        "Mở bằng Excel, lưu lại dạng .xlsx rồi gửi lại.",
    ),
    "guard.template": (
        "it is a workbook template (.xltx), not a workbook",
        _SAVE,
        "Đây là tệp mẫu Excel (.xltx), không phải bảng tính đã điền số liệu.",
        _SAVE_VI,
    ),
    "guard.html_page": (
        "it is a web page (HTML), not a table",
        _SAVE,
        "Đây là trang web (HTML) được lưu dưới tên bảng tính. Nhiều phần mềm “xuất Excel” theo cách này.",
        _SAVE_VI,
    ),
    "guard.portal_refusal": (
        "it is the page with which a firewall refuses a request (“Request Rejected”), not data",
        "download the data again from the portal in a browser and open the file before handing it in",
        "Đây là trang từ chối truy cập của tường lửa (“Request Rejected”), không phải số liệu.",
        "Đăng nhập Cổng và tải lại tệp; mở ra kiểm tra có số liệu rồi gửi lại.",
    ),
    "guard.xml_spreadsheet": (
        "it is an “XML Spreadsheet 2003” file",
        _SAVE,
        "Đây là bảng tính dạng cũ XML Spreadsheet 2003.",
        "Mở bằng Excel, lưu lại dạng .xlsx rồi gửi lại.",
    ),
    "guard.xml_file": (
        "it is an XML file",
        _TABLE,
        "Đây là tệp XML, không phải bảng số liệu.",
        _TABLE_VI,
    ),
    "guard.binary": (
        "it is neither a workbook nor text: byte {position} is 0",
        _TABLE,
        "Tệp không phải bảng tính cũng không phải văn bản: có ký tự NUL tại byte thứ {position}.",
        _TABLE_VI + " Nếu là tệp CSV thì xuất lại từ phần mềm nguồn.",
    ),
    "guard.encoding": (
        "the text is not UTF-8: byte {position}, in line {line}, cannot be read",
        _UTF8,
        "Văn bản không phải bảng mã UTF-8: không đọc được byte thứ {position}, ở dòng {line}.",
        _UTF8_VI,
    ),
    "guard.line_too_long": (
        "one line of the text has more than {limit} bytes (after line {line}): a quotation mark may not be closed",
        _AGAIN,
        "Có một dòng dài hơn {limit} byte (sau dòng {line}); có thể thiếu dấu ngoặc kép đóng.",
        _AGAIN_VI,
    ),
    # --- JSON
    "guard.json_broken": (
        "it begins as JSON and is not: {detail}",
        _AGAIN,
        "Tệp JSON bị lỗi: {detail}.",
        _AGAIN_VI,
    ),
    "guard.json_too_big": (
        "the JSON file has {size} MB; at most {limit} MB are taken as JSON",
        "hand in the figures as .csv or .xlsx",
        "Tệp JSON có dung lượng {size} MB, vượt mức tối đa {limit} MB.",
        "Gửi số liệu dưới dạng .csv hoặc .xlsx.",
    ),
    "guard.json_deep": (
        "the JSON is nested {depth} deep; at most {limit}",
        _AGAIN,
        "Tệp JSON lồng nhau {depth} tầng, tối đa cho phép {limit}.",
        _AGAIN_VI,
    ),
    "guard.json_number": (
        "the JSON holds a number of more than {limit} digits, or one too large for any program",
        _AGAIN,
        "Tệp JSON có một số dài hơn {limit} chữ số hoặc quá lớn.",
        _AGAIN_VI,
    ),
    "guard.json_text": (
        "the JSON holds a text of more than {limit} characters, or with characters that are none",
        _AGAIN,
        "Tệp JSON có đoạn văn bản dài hơn {limit} ký tự hoặc chứa ký tự không hợp lệ.",
        _AGAIN_VI,
    ),
    # --- the container
    "guard.damaged": (
        "the workbook is damaged: {detail}",
        _SAVE,
        "Tệp bảng tính bị hỏng: {detail}.",
        _SAVE_VI,
    ),
    "guard.zip_ratio": (
        "part {member} unpacks to {ratio} times its size; workbooks reach at most {limit}: a zip bomb",
        _SUSPECT,
        "Phần {member} của tệp giải nén lớn gấp {ratio} lần (tối đa {limit}): tệp có dấu hiệu “bom nén”.",
        _SUSPECT_VI,
    ),
    "guard.zip_unpacked": (
        "the workbook unpacks to {unpacked} MB; at most {limit} MB are taken",
        "split the list, or hand it in as .csv",
        "Tệp giải nén ra {unpacked} MB, vượt mức tối đa {limit} MB.",
        "Chia nhỏ danh sách, hoặc gửi dưới dạng .csv.",
    ),
    "guard.zip_members": (
        "the workbook holds {members} parts; at most {limit} are taken",
        _VALUES,
        "Tệp gồm {members} thành phần, vượt mức tối đa {limit}.",
        _VALUES_VI,
    ),
    "guard.zip_lying": (
        "part {member} does not unpack to the {declared} bytes it declares",
        _SUSPECT,
        "Phần {member} khai {declared} byte nhưng dung lượng giải nén thật không đúng như vậy.",
        _SUSPECT_VI,
    ),
    "guard.zip_nested": (
        "part {member} is itself an archive",
        _SUSPECT,
        "Phần {member} bên trong lại là một tệp nén.",
        _SUSPECT_VI,
    ),
    "guard.unsafe_member_name": (
        "a part of the workbook is named {member}, which leads out of it",
        _SUSPECT,
        "Có thành phần mang tên {member}, trỏ ra ngoài tệp.",
        _SUSPECT_VI,
    ),
    "guard.duplicate_member": (
        "part {member} is in the workbook twice: programs would read different ones",
        _SUSPECT,
        "Phần {member} xuất hiện hai lần trong tệp; mỗi phần mềm có thể đọc một bản khác nhau.",
        _SUSPECT_VI,
    ),
    # --- what a workbook must not hold
    "guard.entities": (
        "part {member} declares a document type or entities, which workbooks never do",
        _SUSPECT,
        "Phần {member} khai báo DOCTYPE/ENTITY, điều không có trong tệp Excel thông thường.",
        _SUSPECT_VI,
    ),
    "guard.xml_encoding": (
        "part {member} is written in the encoding {encoding}; workbooks use UTF-8 or UTF-16",
        _SAVE,
        "Phần {member} dùng bảng mã {encoding}; tệp Excel chỉ dùng UTF-8 hoặc UTF-16.",
        _SAVE_VI,
    ),
    "guard.macros": (
        "the workbook holds macros ({member})",
        "save it as Excel Workbook (.xlsx), without macros, and hand that in",
        "Tệp có chứa macro ({member}).",
        "Mở bằng Excel, lưu lại dạng Excel Workbook (.xlsx) không kèm macro rồi gửi lại.",
    ),
    "guard.external_link": (
        "the workbook takes data from outside itself ({member})",
        "break the links (Data, Edit Links) or " + _VALUES,
        "Tệp có liên kết tới dữ liệu bên ngoài ({member}).",
        "Ngắt liên kết (Dữ liệu → Sửa liên kết → Ngắt liên kết). Hoặc: " + _VALUES_VI,
    ),
    "guard.embedded_object": (
        "the workbook holds an embedded object or control ({member})",
        _VALUES,
        "Tệp có nhúng đối tượng hoặc điều khiển khác ({member}).",
        _VALUES_VI,
    ),
    "guard.dde": (
        "{where} holds a command for another program (DDE)",
        _SUSPECT,
        "{where} chứa lệnh gọi chương trình khác (DDE).",
        _SUSPECT_VI,
    ),
    # --- how far a sheet reaches
    "guard.extent": (
        "sheet {sheet} {reaches} {cell}: {rows} rows x {columns} columns; at most {row_limit} x "
        "{column_limit} and {cell_limit} cells are taken",
        "delete the rows below and the columns beside the table, save and hand it in again",
        "Trang {sheet} {reaches} ô {cell}: {rows} dòng × {columns} cột; tối đa {row_limit} dòng × "
        "{column_limit} cột và {cell_limit} ô.",
        "Xóa hẳn các dòng phía dưới và các cột bên phải bảng (chọn rồi Delete), lưu lại và gửi lại.",
    ),
    "guard.header_too_wide": (
        "line {line} of the text has {columns} columns; at most {limit} are taken",
        _AGAIN,
        "Dòng {line} có {columns} cột, vượt mức tối đa {limit}.",
        _AGAIN_VI,
    ),
    "guard.merged_ranges": (
        "sheet {sheet} has more than {limit} merged ranges",
        "unmerge the cells of the list, save and hand it in again",
        "Trang {sheet} có hơn {limit} vùng ô gộp.",
        "Bỏ gộp ô (Unmerge Cells) trong danh sách, lưu lại và gửi lại.",
    ),
    "guard.cell_too_long": (
        "sheet {sheet} holds a cell of more than {limit} bytes, beyond what Excel can hold",
        _SUSPECT,
        "Trang {sheet} có một ô dài hơn {limit} byte, vượt khả năng của Excel.",
        _SUSPECT_VI,
    ),
    # --- the process that reads it
    "guard.memory": (
        "reading the file took more than {limit} MB of memory",
        "split it by month or by unit, or hand the list in as .csv",
        "Việc đọc tệp cần hơn {limit} MB bộ nhớ.",
        "Chia tệp theo tháng hoặc theo đơn vị, hoặc gửi danh sách dưới dạng .csv.",
    ),
    "guard.time": (
        "reading the file took longer than {limit} seconds",
        "split it by month or by unit, or hand the list in as .csv",
        "Việc đọc tệp kéo dài hơn {limit} giây.",
        "Chia tệp theo tháng hoặc theo đơn vị, hoặc gửi danh sách dưới dạng .csv.",
    ),
    "guard.crash": (
        "the program that reads files failed on it ({detail})",
        "save the file again as .xlsx or CSV UTF-8 and hand it in; if it fails again, report it with these words",
        "Phần mềm gặp lỗi khi đọc tệp này ({detail}).",
        "Lưu lại tệp dạng .xlsx hoặc CSV UTF-8 rồi gửi lại; nếu vẫn lỗi, báo bộ phận kỹ thuật kèm nội dung này.",
    ),
}


def refusal(rule: str, locator: str | None = None, **facts: Fact) -> FileRefused:
    """The refusal under that rule. Numbers are grouped as each language does; a pair is (English, Vietnamese)."""
    message, remedy, message_vi, remedy_vi = SENTENCES[rule]
    english = {name: _english(fact) for name, fact in facts.items()}
    vietnamese = {name: _vietnamese(fact) for name, fact in facts.items()}
    return FileRefused(
        message.format(**english),
        remedy.format(**english),
        rule=rule,
        message_vi=message_vi.format(**vietnamese),
        remedy_vi=remedy_vi.format(**vietnamese),
        locator=locator,
    )


def shown(name: str) -> str:
    """A name from inside a file, fit for a sentence: printable, at most 60 characters."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in name[: _LONGEST_NAME + 1])
    return plain if len(plain) <= _LONGEST_NAME else f"{plain[:_LONGEST_NAME]}…"


def megabytes(size: int) -> float:
    """Bytes as megabytes (2^20): one decimal, none where it is a whole number."""
    value = round(size / 2**20, 1)
    return int(value) if value == int(value) else value


def _english(fact: Fact) -> str:
    if isinstance(fact, tuple):
        return fact[0]
    return fact if isinstance(fact, str) else f"{fact:,}"


def _vietnamese(fact: Fact) -> str:
    if isinstance(fact, tuple):
        return fact[1]
    return fact if isinstance(fact, str) else f"{fact:,}".translate(str.maketrans(",.", ".,"))
