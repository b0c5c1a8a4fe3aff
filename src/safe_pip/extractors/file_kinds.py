"""What a file is by its first bytes, whatever its name says."""

from __future__ import annotations

import enum
import re
import struct

from safe_pip.distribution import PREFIX_BYTES, SourceFile

# Enough for the headers that are looked at here; the farthest is a PE header behind its stub.
HEAD_BYTES = 4_096


class FileKind(enum.Enum):
    PROGRAM = "a native program"
    LIBRARY = "a native library"
    ZIP = "a zip"
    COMPRESSED = "a compressed file"
    BYTECODE = "compiled Python"
    KNOWN = "a known data format"
    TEXT = "text"
    UNKNOWN = "unknown data"

    @property
    def is_native(self) -> bool:
        return self in (FileKind.PROGRAM, FileKind.LIBRARY)


_COMPRESSED = (
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"\x28\xb5\x2f\xfd",
    b"\x04\x22\x4d\x18",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!",
    b"MSCF",
)
# Formats whose content is dense without hiding anything: images, sound, fonts, tables, models.
_KNOWN = (
    b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*", b"RIFF", b"RIFX", b"icns",
    b"\x00\x00\x01\x00", b"\x00\x00\x02\x00", b"%PDF", b"wOFF", b"wOF2", b"OTTO", b"ttcf",
    b"\x00\x01\x00\x00", b"OggS", b"fLaC", b"ID3", b"\xff\xfb", b"\xff\xf3", b"SQLite format 3",
    b"PAR1", b"ARROW1", b"\x89HDF", b"\x93NUMPY", b"\x00asm", b"\xca\xfe\xba\xbe", b"GRIB",
    b"CDF\x01", b"CDF\x02", b"SIMPLE  =", b"\xde\x12\x04\x95", b"\x95\x04\x12\xde", b"BC\xc0\xde",
    b"!<arch>\n", b"\xd0\xcf\x11\xe0", b"TZif", b"GGUF", b"FWS", b"CWS", b"\x30\x82",
    b"\xef\xbb\xbf", b"\x1a\x45\xdf\xa3", b"FLV", b"8BPS", b"\x0e\x03\x13\x01", b"Obj\x01",
    b"\x50\xed\x55\xba", b"\x7fELF", b"\x1f\x9d",
)  # fmt: skip
_KNOWN_AT = ((4, b"ftyp"), (4, b"TFL3"), (8, b'{"'), (36, b"acsp"))
_MACH_O = (b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf")
_MACH_O_PROGRAM = 2
_ELF_PROGRAM, _ELF_SHARED = 2, 3
_PE_LIBRARY_FLAG = 0x2000
_SHARED_LIBRARY_NAME = re.compile(r"\.so(?:\.[\w.-]+)?$|\.(?:dylib|dll|pyd)$", re.IGNORECASE)


def kind_of(head: bytes, name: str) -> FileKind:
    """``head``: the first HEAD_BYTES, or fewer if the file is shorter."""
    native = _native_kind(head, name)
    if native is not None:
        return native
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return FileKind.ZIP
    if head.startswith(_COMPRESSED):
        return FileKind.COMPRESSED
    if _is_bytecode(head):
        return FileKind.BYTECODE
    if head.startswith(_KNOWN) or any(head[at:].startswith(magic) for at, magic in _KNOWN_AT):
        return FileKind.KNOWN
    return FileKind.TEXT if _is_text(head) else FileKind.UNKNOWN


def file_kind(file: SourceFile) -> FileKind:
    """The kind of a member; inflates nothing where its first bytes are known."""
    head = file.head(PREFIX_BYTES)
    if head.startswith(b"MZ"):
        head = file.head(HEAD_BYTES)
    return kind_of(head, file.path)


def suffix_of(path: str) -> str:
    """The lower-case suffix with its dot, or nothing."""
    name = path.rpartition("/")[2]
    return name[name.rfind(".") :].lower() if "." in name else ""


def _native_kind(head: bytes, name: str) -> FileKind | None:
    if head.startswith(b"\x7fELF") and len(head) >= 18:
        order = ">" if head[5] == 2 else "<"
        (elf_type,) = struct.unpack_from(f"{order}H", head, 16)
        if elf_type not in (_ELF_PROGRAM, _ELF_SHARED):
            return FileKind.LIBRARY  # An object file, or one of another operating system.
        # Position-independent programs and shared libraries have the same type.
        is_library = elf_type == _ELF_SHARED and _SHARED_LIBRARY_NAME.search(name)
        return FileKind.LIBRARY if is_library else FileKind.PROGRAM
    if head.startswith(_MACH_O) and len(head) >= 16:
        order = ">" if head[0] == 0xFE else "<"
        (file_type,) = struct.unpack_from(f"{order}L", head, 12)
        return FileKind.PROGRAM if file_type == _MACH_O_PROGRAM else FileKind.LIBRARY
    if head.startswith(b"\xca\xfe\xba\xbe") and len(head) >= 8:
        (count,) = struct.unpack_from(">L", head, 4)
        # The same magic starts a Java class, whose version stands where the count is.
        return FileKind.LIBRARY if 0 < count < 20 else None
    if head.startswith(b"MZ") and len(head) >= 64:
        return _pe_kind(head)
    return None


def _is_bytecode(head: bytes) -> bool:
    """CPython's magic numbers: 3000 to 3999 since Python 3, then CR and LF; never a text."""
    number = int.from_bytes(head[:2], "little")
    is_magic = 3_000 <= number < 4_000 or 20_000 <= number <= 62_300
    return is_magic and head[2:4] == b"\r\n" and b"\0" in head[:64]


def _pe_kind(head: bytes) -> FileKind | None:
    (start,) = struct.unpack_from("<L", head, 0x3C)
    if head[start : start + 4] != b"PE\0\0" or len(head) < start + 24:
        return None
    (flags,) = struct.unpack_from("<H", head, start + 22)
    return FileKind.LIBRARY if flags & _PE_LIBRARY_FLAG else FileKind.PROGRAM


def _is_text(head: bytes) -> bool:
    """Whether this reads as text: no NUL, few control characters, UTF-8 or mostly ASCII."""
    if not head:
        return True
    if b"\0" in head:
        return False
    if len(head) - len(head.translate(None, _CONTROLS)) > len(head) // 100:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The head may end within a character; older texts are in one byte a character.
        if error.start < len(head) - 4:
            return sum(byte < 0x80 for byte in head) > 0.7 * len(head)
    return True


_CONTROLS = bytes(code for code in range(0x20) if code not in (8, 9, 10, 12, 13, 27))
