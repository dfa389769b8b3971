"""The container of a workbook: its list of members, and their real bytes, counted while unpacked.

Nothing the container says of itself is believed: programs disagree about archives with two
directories, with bytes around them, with members of one name or of a false size, and what the
guard sees must be what the reader sees. So whatever could be read in two ways is refused.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from etl.errors import FileRefused
from etl.inbox.limits import MIB, Limits
from etl.inbox.refusals import megabytes, refusal, shown

_READ, _UNPACK = 64 << 10, 256 << 10
# Ratios of small parts mean nothing: 2 KB of blanks in a theme pack 300 times and harm nobody.
_RATIO_FROM = 4 * MIB
_DIRECTORY_BYTES_A_MEMBER = 1_024
_END, _END_64, _LOCATOR_64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_UNSAFE = re.compile(r"(^|/)\.\.(/|$)|^/|\\|^[A-Za-z]:|[\x00-\x1f]")
_ARCHIVES = (
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"Rar!\x1a\x07",
    b"7z\xbc\xaf\x27\x1c",
    b"\x1f\x8b\x08",
    b"BZh",
    b"\xfd7zXZ",
)


@dataclass(frozen=True)
class Member:
    """One member: sizes in bytes as declared, ``offset`` of its local header."""

    name: str
    packed: int
    unpacked: int
    crc: int
    method: int
    offset: int

    @property
    def key(self) -> str:
        """Its name as programs compare it: without regard to small and capital letters."""
        return self.name.casefold()


class Container:
    """A ZIP archive whose directory was checked. ``stream`` unpacks a member and checks it on the way."""

    def __init__(self, handle: BinaryIO, size: int, limits: Limits) -> None:
        """Raises FileRefused (guard.damaged, zip_*, unsafe_member_name, duplicate_member, encrypted)."""
        self._handle, self._limits = handle, limits
        _check_end(handle, size, limits)
        self.members = {member.key: member for member in _directory(handle, limits)}
        _check_sizes(list(self.members.values()), size, limits)

    def stream(self, member: Member) -> Iterator[bytes]:
        """Its bytes, at most 256 KiB at a time. Raises FileRefused when they are not what was declared."""
        unpacked, crc, first = 0, 0, True
        for chunk in self._inflated(member):
            if first and chunk.startswith(_ARCHIVES):
                raise refusal("guard.zip_nested", member=shown(member.name))
            unpacked, crc, first = unpacked + len(chunk), zlib.crc32(chunk, crc), False
            if unpacked > member.unpacked:
                raise refusal("guard.zip_lying", member=shown(member.name), declared=member.unpacked)
            yield chunk
        if unpacked != member.unpacked:
            raise refusal("guard.zip_lying", member=shown(member.name), declared=member.unpacked)
        if crc != member.crc:
            raise refusal("guard.damaged", detail=("a checksum differs", "sai mã kiểm tra"))

    def _inflated(self, member: Member) -> Iterator[bytes]:
        left, where = member.packed, _data_offset(self._handle, member)
        inflater = zlib.decompressobj(-15) if member.method == zipfile.ZIP_DEFLATED else None
        while left:
            self._handle.seek(where)
            packed = self._handle.read(min(_READ, left))
            if not packed:
                raise _broken()
            left, where = left - len(packed), where + len(packed)
            if inflater is None:
                yield packed
                continue
            try:
                while packed and not inflater.eof:
                    if chunk := inflater.decompress(packed, _UNPACK):
                        yield chunk
                    packed = inflater.unconsumed_tail
            except zlib.error as error:
                raise _broken() from error
            if inflater.eof and (left or inflater.unused_data):
                raise _broken()
        while inflater is not None and not inflater.eof:  # a packed byte may stand for many
            chunk = inflater.decompress(b"", _UNPACK)
            if not chunk:
                raise _broken()
            yield chunk


def _broken() -> FileRefused:
    return refusal("guard.damaged", detail=("the archive is cut or broken", "tệp bị cắt hoặc hỏng"))


def _check_end(handle: BinaryIO, size: int, limits: Limits) -> None:
    """One directory, at the very end, of a size that may be read."""
    handle.seek(max(0, size - 22))
    end = handle.read(22)
    if len(end) < 22 or end[:4] != _END or end[20:] != b"\0\0":
        raise _broken()
    count, length, start = struct.unpack("<HLL", end[10:20])
    directory_end = size - 22
    handle.seek(max(0, size - 42))
    locator = handle.read(20)
    if locator[:4] == _LOCATOR_64:
        (directory_end,) = struct.unpack("<Q", locator[8:16])
        if directory_end > size:
            raise _broken()
        handle.seek(directory_end)
        record = handle.read(56)
        if len(record) < 56 or record[:4] != _END_64:
            raise _broken()
        count, length, start = struct.unpack("<QQQ", record[32:56])
    if count > limits.max_zip_members or length > limits.max_zip_members * _DIRECTORY_BYTES_A_MEMBER:
        raise refusal("guard.zip_members", members=count, limit=limits.max_zip_members)
    if start + length != directory_end:
        raise _broken()


def _directory(handle: BinaryIO, limits: Limits) -> list[Member]:
    handle.seek(0)
    try:
        with zipfile.ZipFile(handle) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, struct.error) as error:
        raise _broken() from error
    if len(entries) > limits.max_zip_members:
        raise refusal("guard.zip_members", members=len(entries), limit=limits.max_zip_members)
    members: list[Member] = []
    seen: set[str] = set()
    for entry in entries:
        if _UNSAFE.search(entry.orig_filename) or entry.orig_filename != entry.filename:
            raise refusal("guard.unsafe_member_name", member=shown(entry.orig_filename))
        member = Member(
            entry.filename,
            entry.compress_size,
            entry.file_size,
            entry.CRC,
            entry.compress_type,
            entry.header_offset,
        )
        if member.key in seen:
            raise refusal("guard.duplicate_member", member=shown(member.name))
        if entry.flag_bits & 0x1:
            raise refusal("guard.encrypted")
        if member.method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise refusal("guard.damaged", detail=("unknown compression", "kiểu nén lạ"))
        seen.add(member.key)
        members.append(member)
    return members


def _check_sizes(members: list[Member], size: int, limits: Limits) -> None:
    total = sum(member.unpacked for member in members)
    if total > limits.max_unpacked_bytes:
        raise refusal(
            "guard.zip_unpacked", unpacked=megabytes(total), limit=megabytes(limits.max_unpacked_bytes)
        )
    for member in members:
        ratio = member.unpacked // max(1, member.packed)
        if member.unpacked >= _RATIO_FROM and ratio > limits.max_zip_ratio:
            raise refusal(
                "guard.zip_ratio", member=shown(member.name), ratio=ratio, limit=limits.max_zip_ratio
            )
    if sum(member.packed for member in members) > size:  # members lie on one another
        raise _broken()


def _data_offset(handle: BinaryIO, member: Member) -> int:
    """Where its packed bytes begin. The header before them must tell what the directory tells."""
    handle.seek(member.offset)
    header = handle.read(30)
    if len(header) < 30 or header[:4] != b"PK\x03\x04":
        raise _broken()
    flags, method = struct.unpack("<HH", header[6:10])
    name_length, extra_length = (
        int.from_bytes(header[26:28], "little"),
        int.from_bytes(header[28:30], "little"),
    )
    name = handle.read(name_length).decode("utf-8" if flags & 0x800 else "cp437", "replace")
    if name != member.name or method != member.method or flags & 0x1:
        raise _broken()
    return member.offset + 30 + name_length + extra_length
