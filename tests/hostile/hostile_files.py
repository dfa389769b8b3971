"""Hostile files, each beside its harmless twin: the same file without the fault. Made here, byte by byte."""

from __future__ import annotations

import io
import json
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
DOC = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
TEXT = "STT,Đơn vị,Tiếp nhận\n1,Sở Nội vụ,12\n2,Sở Tư pháp,\n"
TYPES, WORKBOOK, SHEET = "[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml"
WORKBOOK_RELATIONS, SHEET_RELATIONS = "xl/_rels/workbook.xml.rels", "xl/worksheets/_rels/sheet1.xml.rels"

Parts = dict[str, bytes]


def cell(address: str, value: object = 1) -> str:
    return f'<c r="{address}"><v>{value}</v></c>'


def sheet(
    cells: str = f'<row r="1">{cell("A1")}{cell("B1", 2)}</row>', before: str = "", after: str = ""
) -> bytes:
    return (
        f'{HEAD}<worksheet xmlns="{MAIN}">{before}<sheetData>{cells}</sheetData>{after}</worksheet>'.encode()
    )


def content_types(workbook: str = f"{SHEET_TYPE}.sheet.main+xml", more: str = "") -> bytes:
    return (
        f'{HEAD}<Types xmlns="{PACKAGE}/content-types">'
        f'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{workbook}"/>'
        f'<Override PartName="/{SHEET}" ContentType="{SHEET_TYPE}.worksheet+xml"/>{more}</Types>'
    ).encode()


def relations(*rows: tuple[str, str, bool]) -> bytes:
    """Rows of (type's last word, target, outside)."""
    lines = (
        f'<Relationship Id="rId{number}" Type="{DOC}/{kind}" Target="{target}"'
        + (' TargetMode="External"/>' if outside else "/>")
        for number, (kind, target, outside) in enumerate(rows, start=1)
    )
    return f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">{"".join(lines)}</Relationships>'.encode()


def workbook_xml(sheets: str = '<sheet name="Biểu 1" sheetId="1" r:id="rId1"/>', after: str = "") -> bytes:
    return (
        f'{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{DOC}"><sheets>{sheets}</sheets>{after}</workbook>'.encode()
    )


def parts(**changed: bytes) -> Parts:
    """A small whole workbook; ``sheet=``, ``types=``, ``workbook=``, ``relations=`` put a part in another's place."""
    return {
        TYPES: changed.get("types", content_types()),
        "_rels/.rels": relations(("officeDocument", "xl/workbook.xml", False)),
        WORKBOOK: changed.get("workbook", workbook_xml()),
        WORKBOOK_RELATIONS: changed.get(
            "relations", relations(("worksheet", "worksheets/sheet1.xml", False))
        ),
        SHEET: changed.get("sheet", sheet()),
    }


def packed(members: Mapping[str, bytes] | list[tuple[str, bytes]], stored: bool = False) -> bytes:
    made = io.BytesIO()
    with (
        warnings.catch_warnings(),
        zipfile.ZipFile(made, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as box,
    ):
        warnings.simplefilter("ignore", UserWarning)  # two members of one name: meant so
        for name, body in members.items() if isinstance(members, Mapping) else members:
            box.writestr(name, body)
    return made.getvalue()


def book(extra: Mapping[str, bytes] | None = None, **changed: bytes) -> bytes:
    return packed({**parts(**changed), **(extra or {})})


def patched(
    archive: bytes, member: str, central: tuple[int, bytes], local: tuple[int, bytes] | None = None
) -> bytes:
    """The archive with bytes of a member's two headers overwritten, at offsets counted from the header."""
    body = bytearray(archive)
    for signature, fixed, change in ((b"PK\x01\x02", 46, central), (b"PK\x03\x04", 30, local)):
        if change is None:
            continue
        at = body.index(member.encode()) if fixed == 30 else body.rindex(member.encode())
        assert body[at - fixed : at - fixed + 4] == signature
        body[at - fixed + change[0] : at - fixed + change[0] + len(change[1])] = change[1]
    return bytes(body)


def compound(*streams: str) -> bytes:
    """An OLE compound file's header and a directory with those streams."""
    entries = b"".join(
        name.encode("utf-16-le").ljust(64, b"\0") + struct.pack("<H", 2 * len(name) + 2) + b"\x02" + bytes(61)
        for name in ("Root Entry", *streams)
    )
    return OLE + bytes(504) + entries.ljust(1024, b"\0")


@dataclass(frozen=True)
class Case:
    """A hostile file and its twin. ``limits``: bounds other than the defaults, for both."""

    rule: str
    what: str
    hostile: Callable[[], bytes]
    twin: Callable[[], bytes]
    name: str = "bieu.xlsx"
    twin_name: str = "bieu.xlsx"
    limits: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.rule.removeprefix('guard.')}: {self.what}"


CASES: list[Case] = []


def case(rule: str, what: str, hostile: bytes | Callable[[], bytes], twin: bytes | Callable[[], bytes] | None = None, *,
         name: str = "bieu.xlsx", twin_name: str | None = None, **limits: Any) -> None:  # fmt: skip
    plain: bytes | Callable[[], bytes] = (
        book if twin is None and name.endswith(".xlsx") else twin or TEXT.encode()
    )
    make = [value if callable(value) else (lambda value=value: value) for value in (hostile, plain)]
    CASES.append(Case(f"guard.{rule}", what, make[0], make[1], name, twin_name or name, limits))


def text(rule: str, what: str, hostile: bytes, twin: bytes, **more: Any) -> None:
    case(rule, what, hostile, twin, name=more.pop("name", "bieu.csv"), **more)


# --- what it is ----------------------------------------------------------------------------------------
text("empty", "no byte", b"", b"a")
text("empty", "only a mark and blanks", b"\xef\xbb\xbf \r\n\t\n", b"\xef\xbb\xbf a\r\n")
text("empty", "UTF-16, only its mark", b"\xff\xfe", "a".encode("utf-16"))
case("too_big", "one byte more", book() + b"\0", max_file_bytes=len(book()))
text("pdf", "by its mark", b"%PDF-1.7\n%\xe2\xe3\n", b"STT,%PDF-1.7\n")
case("pdf", "under a workbook's name", b"\n%PDF-1.4\n")
for picture, mark in {"PNG": b"\x89PNG\r\n\x1a\n", "JPEG": b"\xff\xd8\xff\xe0\0\x10JFIF", "TIFF": b"II*\0", "HEIC": b"\0\0\0\x18ftypheic",
                      "WebP": b"RIFF\0\0\0\0WEBPVP8 ", "BMP": b"BM\x10\0\0\0\0\0\0\0\x36"}.items():  # fmt: skip
    case("picture", picture, mark + bytes(50))
case("archive", "a ZIP of tables", packed({"bieu.csv": TEXT.encode()}))
case("archive", "an empty ZIP", packed({}))
for kind, mark in {
    "RAR": b"Rar!\x1a\x07\x01\0",
    "7z": b"7z\xbc\xaf\x27\x1c",
    "gzip": b"\x1f\x8b\x08\0",
}.items():
    case("archive", kind, mark + bytes(50))
case(
    "office_document",
    "a Word document of today",
    packed({TYPES: content_types(), "word/document.xml": b"<a/>"}),
)
case("office_document", "a Word document of old", compound("WordDocument"))
case(
    "office_document",
    "an OpenDocument text",
    packed({"mimetype": b"application/vnd.oasis.opendocument.text"}),
)
case("office_document", "RTF", b"{\\rtf1\\ansi}")
case("old_xls", "BIFF 8 in a compound file", compound("Workbook"))
case(
    "old_xls",
    "BIFF 5 in a compound file",
    compound("Book"),
    name="bieu.xls",
    twin_name="bieu.xlsx",
    twin=book,
)
case("old_xls", "BIFF without a compound file", b"\x09\x04\x06\0\0\0\x10\0" + bytes(20))
case("encrypted", "a workbook with a password", compound("EncryptionInfo", "EncryptedPackage"))
case("encrypted", "a member with a password",
     patched(book(), SHEET, (8, b"\x01\0"), (6, b"\x01\0")))  # fmt: skip
case("ods", "by its first member",
     packed({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet", "content.xml": b"<a/>"}))  # fmt: skip
case("xlsb", "a binary workbook", packed({TYPES: content_types(), "xl/workbook.bin": b"\x83\x01"}))
case("template", "by its content type", book(types=content_types(f"{SHEET_TYPE}.template.main+xml")))
case("html_page", "a table exported “to Excel”", b"<html><table><tr><td>STT</td></tr></table></html>")
text(
    "html_page",
    "saved as CSV, with a mark",
    b"\xef\xbb\xbf\n<!DOCTYPE html><p>x</p>",
    b"\xef\xbb\xbfa,<p>x</p>\n",
)
case("html_page", "in UTF-16", "<table border=1>".encode("utf-16"))
case("html_page", "a web archive", b"MIME-Version: 1.0\r\nContent-Type: multipart/related")
text("portal_refusal", "the firewall's page",
     b"<html><head><title>Request Rejected</title></head><body>Your support ID is: 1</body></html>",
     b"a,b\nRequest Rejected,1\n")  # fmt: skip
case(
    "xml_spreadsheet",
    "of 2003",
    f'{HEAD}<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>'.encode(),
)
case("xml_file", "any XML", f"{HEAD}<bao-cao/>".encode())
case("wrong_extension", "text named .xlsx", TEXT.encode())
text("wrong_extension", "a workbook named .csv", book(), TEXT.encode())
case("wrong_extension", "a workbook named .xlsm", book(), book, name="bieu.xlsm", twin_name="bieu.xlsx")
case("wrong_extension", "JSON named .csv", b'{"a":1}', b'{"a":1}', name="bieu.csv", twin_name="BIEU.JSON")
case("wrong_extension", "an ending nobody takes", TEXT.encode(), TEXT.encode(), name="a.exe", twin_name="a")

# --- the container --------------------------------------------------------------------------------------
case("damaged", "cut", book()[:-30])
case("damaged", "bytes behind it", book() + b"\0" * 40)
case("damaged", "bytes before it", b"PK\x03\x04" + book())
case(
    "damaged",
    "one byte of a stored part turned",
    lambda: packed(parts(), stored=True).replace(b"<v>2</v>", b"<v>3</v>"),
)
case(
    "damaged",
    "another name before the bytes",
    lambda: book().replace(SHEET.encode(), b"xl/worksheets/sheet9.xml", 1),
)
case("damaged", "an unknown compression", patched(book(), SHEET, (10, b"\x63\0"), (8, b"\x63\0")))
case(
    "damaged", "its sheet is missing", packed({name: body for name, body in parts().items() if name != SHEET})
)
case("damaged", "broken XML in the list of sheets", book(workbook=b"<workbook><sheets></workbook>"))
case("damaged", "broken XML in a sheet", book(sheet=sheet().replace(b"</worksheet>", b"")))
case("damaged", "an address that is none", book(sheet=sheet('<row r="1"><c r="ABCD1"><v>1</v></c></row>')))
case("damaged", "two sheets of one name", book(
    workbook=workbook_xml('<sheet name="A" sheetId="1" r:id="rId1"/><sheet name="a" sheetId="2" r:id="rId1"/>')))  # fmt: skip
case("zip_ratio", "eight megabytes of blanks", lambda: book({"xl/a.xml": b"<a>" + b" " * (8 << 20) + b"</a>"}),
     lambda: book({"xl/a.xml": b"<a>" + b" " * (3 << 20) + b"</a>"}))  # fmt: skip
case(
    "zip_unpacked",
    "in all",
    lambda: book({"xl/a.xml": b"<a>" + b" " * 9_000 + b"</a>"}),
    max_unpacked_bytes=9_000,
)
case("zip_members", "one too many", lambda: book({f"xl/{n}.bin": b"" for n in range(16)}),
     lambda: book({f"xl/{n}.bin": b"" for n in range(15)}), max_zip_members=20)  # fmt: skip
case("zip_lying", "more than declared", lambda: _lying(-5))
case("zip_lying", "less than declared", lambda: _lying(+5))
case("zip_lying", "a bomb that declares little", lambda: patched(
    book({"xl/media/a.bin": bytes(50 << 20)}), "xl/media/a.bin", (24, struct.pack("<L", 100)), (22, struct.pack("<L", 100))))  # fmt: skip
case(
    "zip_nested",
    "a ZIP in it",
    book({"xl/media/a.png": packed({"a": b""})}),
    book({"xl/media/a.png": b"\x89PNG"}),
)
for unsafe in ("../etc/a.xml", "/a.xml", "xl/../../a.xml", "C:/a.xml", "xl\\..\\a.xml", "xl/a\0b.xml"):
    case(
        "unsafe_member_name",
        repr(unsafe),
        lambda unsafe=unsafe: _named(unsafe),
        lambda: book({"xl/..a.xml": b"<a/>"}),
    )
case("duplicate_member", "the sheet twice", packed([*parts().items(), (SHEET, sheet(cell("A1", 9)))]))
case("duplicate_member", "in capital letters", book({SHEET.upper(): sheet()}))

# --- what a workbook must not hold --------------------------------------------------------------------
BILLION = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
case("entities", "in the sheet", book(sheet=sheet().replace(b"<worksheet", BILLION.encode() + b"<worksheet")),
     book(sheet=sheet(f'<row r="1"><c r="A1" t="inlineStr"><is><t>{BILLION.replace("<", "&lt;").replace("&a", "")}</t></is></c></row>')))  # fmt: skip
case(
    "entities",
    "in the list of sheets",
    book(workbook=workbook_xml().replace(b"<workbook", BILLION.encode() + b"<workbook")),
)
case(
    "entities",
    "in the content types",
    book(types=content_types().replace(b"<Types", BILLION.encode() + b"<Types")),
)
case("entities", "in shared strings", book({"xl/sharedStrings.xml": f"{HEAD}{BILLION}<sst/>".encode()}),
     book({"xl/sharedStrings.xml": f"{HEAD}<!-- one --><sst><si><t><![CDATA[a]]></t></si></sst>".encode()}))  # fmt: skip
case("entities", "an external one, in UTF-16", book({"xl/a.xml": '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'.encode("utf-16")}),
     book({"xl/a.xml": "<a>Đ</a>".encode("utf-16")}))  # fmt: skip
case("entities", "in UTF-16 without a mark, in the sheet",
     book(sheet=f'<!DOCTYPE a><worksheet xmlns="{MAIN}"><sheetData/></worksheet>'.encode("utf-16-be")),
     book(sheet=f'<worksheet xmlns="{MAIN}"><sheetData/></worksheet>'.encode("utf-16-be")))  # fmt: skip
case("entities", "in a part that has no name of XML", book({"xl/media/a.bin": b"<!DOCTYPE a><a/>"}))
case("entities", "after 200 KB, in relationships", book(
    {SHEET_RELATIONS: relations().replace(b"<Rel", b"<!--" + b"x" * 200_000 + b"-->" + BILLION.encode() + b"<Rel", 1)}))  # fmt: skip
case("xml_encoding", "UTF-7", book({"xl/a.xml": b'<?xml version="1.0" encoding="UTF-7"?><a/>'}),
     book({"xl/a.xml": b'<?xml version="1.0" encoding="utf-8"?><a/>'}))  # fmt: skip
case("xml_encoding", "UTF-32", book({"xl/a.xml": "<a/>".encode("utf-32")}))
case("macros", "a project", book({"xl/vbaProject.bin": OLE}))
case(
    "macros",
    "a project under another name",
    book({SHEET_RELATIONS: relations(("vbaProject", "../a.bin", False))}),
)
case(
    "macros",
    "a content type",
    book(types=content_types("application/vnd.ms-excel.sheet.macroEnabled.main+xml")),
)
case("macros", "a sheet of Excel 4", book({"xl/macrosheets/sheet1.xml": b"<a/>"}))
case("macros", "a sheet of Excel 4 under another name",
     book(sheet=f'<xm:macrosheet xmlns:xm="x" xmlns="{MAIN}"><sheetData/></xm:macrosheet>'.encode()))  # fmt: skip
case(
    "external_link",
    "another workbook",
    book({"xl/externalLinks/externalLink1.xml": b"<externalLink><externalBook/></externalLink>"}),
)
case("external_link", "a connection", book({"xl/connections.xml": b"<connections/>"}))
case("external_link", "a picture from elsewhere", book({SHEET_RELATIONS: relations(("image", "http://a.example/a.png", True))}),
     book({SHEET_RELATIONS: relations(("hyperlink", "mailto:a@a.example", True), ("image", "../media/a.png", False))}))  # fmt: skip
case("embedded_object", "a document", book({"xl/embeddings/oleObject1.bin": OLE}))
case("embedded_object", "under another name", book({"xl/media/image1.png": OLE + bytes(100)}))
case("embedded_object", "a control", book({SHEET_RELATIONS: relations(("control", "../activeX/a.xml", False))}),
     book({SHEET_RELATIONS: relations(("ctrlProp", "../ctrlProps/a.xml", False))}))  # fmt: skip
case(
    "dde",
    "as a link",
    book({"xl/externalLinks/externalLink1.xml": b'<externalLink><ddeLink ddeService="cmd"/></externalLink>'}),
)
DDE_FORMULA = '<row r="1"><c r="A1"><f>{}</f><v>1</v></c></row>'
case("dde", "as a formula", book(sheet=sheet(DDE_FORMULA.format("cmd|'/c calc'!A0"))),
     book(sheet=sheet(DDE_FORMULA.format("&quot;a|b!&quot;&amp;'A|B'!C1"))))  # fmt: skip
case("dde", "as a formula that the slow scan sees",
     book(sheet=sheet(DDE_FORMULA.format("cmd|'/c calc'!A0") + "<!-- x -->")), book(sheet=sheet("<!-- x -->")))  # fmt: skip
text(
    "dde", "in a CSV", (TEXT + "3,=cmd|'/c calc'!A0,1\n").encode(), (TEXT + "3,=1+1|2,!\n4,a|b!,1\n").encode()
)
text("dde", "in a CSV, quoted", b"a;b\n\"@SUM(1+1)*cmd|'/c calc'!A0\";1\n", b'a;b\n"x@SUM|y!";1\n')

# --- how far it reaches -------------------------------------------------------------------------------
NEAR, FAR = f'<row r="1">{cell("A1")}</row>', f'<row r="20000">{cell("XFD20000")}</row>'
case(
    "extent",
    "one cell at XFD20000",
    book(sheet=sheet(NEAR + FAR)),
    book(sheet=sheet(NEAR + FAR.replace("XFD", "Z"))),
)
case("extent", "declared", book(sheet=sheet(before='<dimension ref="A1:XFD1048576"/>')),
     book(sheet=sheet(before='<dimension ref="A1:O1048576"/>')))  # fmt: skip
case(
    "extent", "declared to the row after the last", book(sheet=sheet(before='<dimension ref="A1:A1048577"/>'))
)
case("extent", "a row after the last", book(sheet=sheet(f'<row r="1048577">{cell("A1048577")}</row>')),
     book(sheet=sheet(f'<row r="1048576">{cell("A1048576")}</row>')))  # fmt: skip
case("extent", "a rectangle too large", book(sheet=sheet(NEAR + f'<row r="1048576">{cell("AF1048576")}</row>')),
     book(sheet=sheet(NEAR + f'<row r="1048576">{cell("AD1048576")}</row>')))  # fmt: skip
case("extent", "far, and formatted cells farther still", book(sheet=sheet(NEAR + FAR)),
     book(sheet=sheet(NEAR + '<row r="20000"><c r="XFD20000" s="3"/></row>')))  # fmt: skip
case("extent", "in a sheet that is in no list", book({"xl/worksheets/sheet2.xml": sheet(FAR)}),
     book({"xl/worksheets/sheet2.xml": sheet(NEAR)}))  # fmt: skip
case("extent", "under a prefix", lambda: _prefixed("XFD20000"), lambda: _prefixed("B2"))
case(
    "extent", "after a comment", book(sheet=sheet(f"<!-- a -->{FAR}")), book(sheet=sheet(f"<!-- a -->{NEAR}"))
)
case("extent", "with the address at the end", book(sheet=sheet('<row><c s="1" r="XFD20000"><v>1</v></c></row>')),
     book(sheet=sheet('<row><c s="1" r="A9"><v>1</v></c></row>')))  # fmt: skip
case("extent", "cells without an address", book(sheet=sheet("<row>" + "<c><v>1</v></c>" * 1_025 + "</row>")),
     book(sheet=sheet("<row>" + "<c><v>1</v></c>" * 1_024 + "</row>")))  # fmt: skip
case(
    "extent",
    "in UTF-16",
    book(sheet=sheet(FAR).decode().encode("utf-16")),
    book(sheet=sheet(NEAR).decode().encode("utf-16")),
)
case("extent", "at a place outside xl/worksheets", book(
    {"xl/a.xml": sheet(FAR)}, relations=relations(("worksheet", "/xl/a.xml", False))),
    book({"xl/a.xml": sheet(NEAR)}, relations=relations(("worksheet", "/xl/a.xml", False))))  # fmt: skip
MERGES = '<mergeCells count="9">{}</mergeCells>'
case("merged_ranges", "one too many", book(sheet=sheet(after=MERGES.format('<mergeCell ref="A1:B1"/>' * 5))),
     book(sheet=sheet(after=MERGES.format('<mergeCell ref="A1:B1"/>' * 4))), max_merged_ranges=4)  # fmt: skip
LONG = '<row r="1"><c r="A1" t="inlineStr"><is><t>{}</t></is></c></row>'
case("cell_too_long", "two megabytes", lambda: book(sheet=sheet(LONG.format("ab c" * (1 << 19)))),
     lambda: book(sheet=sheet(LONG.format("ab c" * 8_000))))  # fmt: skip
case("cell_too_long", "in the slow scan", lambda: book(sheet=sheet("<!-- a -->" + LONG.format("ab c" * (1 << 19)))),
     lambda: book(sheet=sheet("<!-- a -->" + LONG.format("ab c" * 8_000))))  # fmt: skip

# --- text ------------------------------------------------------------------------------------------------
text("binary", "a NUL", TEXT.encode() + b"1,\0,2\n", TEXT.encode())
text("binary", "a NUL in UTF-16", (TEXT + "\0").encode("utf-16"), TEXT.encode("utf-16"))
case("binary", "a program", b"MZ\x90\0\x03\0\0\0")
text("encoding", "Windows-1258", "Sở Nội vụ".encode()[:4] + b",\xd0\xf5\n", TEXT.encode("utf-8-sig"))
text("encoding", "UTF-8, cut in a letter", "Sở".encode()[:-1], "Sở".encode())
text("encoding", "a surrogate", b"a,\xed\xa0\x80\n", b"a,\xed\x9f\xbf\n")
text("encoding", "after a megabyte", b"a,b\n" * (1 << 18) + b"\xff\n", b"a,b\n" * (1 << 18))
text("encoding", "UTF-16 without a mark", TEXT.encode("utf-16-le") * 4, TEXT.encode("utf-16"))
text("encoding", "UTF-32", TEXT.encode("utf-32"), TEXT.encode())
text("line_too_long", "three megabytes without an end", b'a,"' + b"b c" * (1 << 20), b'a,"b"\n' * (1 << 19))
text("header_too_wide", "1,025 columns", b"\n" + b"," * 1_024 + b"\n", b"\n" + b"," * 1_023 + b"\n")
JSON = json.dumps({"data": [{"unit": "Sở Nội vụ", "totalReceiver": 12}]}, ensure_ascii=False).encode()


def as_json(rule: str, what: str, hostile: bytes, twin: bytes = JSON, **limits: Any) -> None:
    case(rule, what, hostile, twin, name="bieu.json", **limits)


as_json("json_broken", "cut", JSON[:-2])
as_json("json_broken", "NaN", b'{"a":NaN}', b'{"a":"NaN"}')
as_json("json_broken", "a key twice", b'{"a":1,"a":2}', b'{"a":1,"b":{"a":2}}')
as_json("json_too_big", "one byte more", JSON + b" ", max_json_bytes=len(JSON))
as_json("json_deep", "65 lists", b"[" * 65 + b"]" * 65, b"[" * 64 + b"]" * 64)
as_json("json_deep", "100,000 lists, open", b"[" * 100_000, b'["' + b"[" * 10_000 + b'"]')
as_json(
    "json_number",
    "31 digits",
    b'{"a":' + b"9" * 31 + b"}",
    b'{"a":' + b"9" * 30 + b',"b":"' + b"9" * 31 + b'"}',
)
as_json("json_number", "beyond any float", b'{"a":1e999}', b'{"a":1e9}')
as_json("json_text", "32,768 letters", b'{"a":"' + b"x" * 32_768 + b'"}', b'{"a":"' + b"x" * 32_767 + b'"}')
as_json("json_text", "half a character", b'{"a":"\\ud800"}', b'{"a":"\\ud83d\\ude00"}')
as_json("json_text", "U+0000 in a key", b'{"\\u0000":1}')
as_json("binary", "a raw NUL", JSON + b"\0")
as_json("encoding", "Latin-1", b'{"a":"\xe9"}', '{"a":"é"}'.encode("utf-16"))


def _lying(by: int) -> bytes:
    size = struct.pack("<L", len(sheet()) + by)
    return patched(book(), SHEET, (24, size), (22, size))


def _named(name: str) -> bytes:
    """A member of a name that zipfile would not write."""
    stand_in = "x" * len(name)
    return packed({**parts(), stand_in: b"<a/>"}).replace(stand_in.encode(), name.encode())


def _prefixed(address: str) -> bytes:
    return book(
        sheet=(
            f'{HEAD}<x:worksheet xmlns:x="{MAIN}"><x:sheetData><x:row r="1"><x:c r="{address}"><x:v>1</x:v></x:c></x:row>'
            "</x:sheetData></x:worksheet>"
        ).encode()
    )
