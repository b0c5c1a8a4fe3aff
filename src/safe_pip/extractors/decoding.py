"""What an encoded literal holds: decoded layer by layer, statically, within bounds.

Nothing is run. Each layer is a text encoding, a compression, a reversal, or Python source whose
largest literal is looked at next; it ends at code, an executable, or something unknown.
"""

from __future__ import annotations

import ast
import base64
import binascii
import bz2
import lzma
import re
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from safe_pip.extractors.late_regex import late_regex
from safe_pip.extractors.segments import segment

Payload = Literal[
    "Python", "PowerShell or shell", "an executable", "byte code", "an archive", "URL"
]

MAX_LAYERS = 64  # one real sample has fifty
MAX_LAYER_BYTES = 8 << 20
MAX_PARSED_BYTES = 200_000
MAX_SLOW_BYTES = 200_000  # base 85 is decoded in Python
MIN_SOURCE_CHARS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """The end of a chain of layers. ``n_layers`` counts encodings, compressions and reversals
    that had to be undone; ``text`` is the readable payload, empty for a binary one."""

    payload: Payload
    n_layers: int
    text: str = ""


@dataclass(slots=True)
class Budget:
    """Bytes that may still be decoded for one unit, over all of its literals.

    It grows with the unit, so that many small bombs cost no more than one large one.
    """

    bytes_left: int

    @classmethod
    def for_unit(cls, n_bytes: int) -> Budget:
        return cls(bytes_left=min((128 << 10) + 16 * n_bytes, 24 << 20))

    def take(self, n_bytes: int) -> bool:
        self.bytes_left -= n_bytes
        return self.bytes_left >= 0


def decode_layers(data: bytes, budget: Budget, *, n_undone: int = 0) -> Decoded | None:
    """Follow one literal to its payload; None if it leads to nothing that could run.

    Python source or a URL that stands there unencoded is not a payload: nothing was hidden.
    ``n_undone`` layers were undone before, such as a list of numbers read as bytes.
    """
    found: Decoded | None = None
    n_layers = n_undone
    if n_undone and (payload := payload_of(data)) is not None:
        text = readable_text(data) or ""
        found = Decoded(payload=payload, n_layers=n_layers, text=text)
        data = largest_literal(text) or data
    while n_layers < MAX_LAYERS and budget.take(len(data)):
        step = next(_steps(data, budget), None)
        if step is None:
            break
        n_layers += 1
        data = step
        payload = payload_of(data)
        if payload is None:
            continue
        text = readable_text(data) or ""
        found = Decoded(payload=payload, n_layers=n_layers, text=text)
        inner = largest_literal(text) if payload == "Python" else b""
        if not inner:
            break
        data = inner
    return found


def payload_of(data: bytes) -> Payload | None:
    """What some decoded bytes are, if they are something that runs or is fetched."""
    if is_executable(data):
        return "an executable"
    if is_byte_code(data):
        return "byte code"
    if data[:4] == b"PK\x03\x04" and any(name in data for name in (b".py", b".exe", b".dll")):
        return "an archive"
    text = readable_text(data)
    if text is None:
        return None
    if _URL.fullmatch(text.strip()) or (len(text) <= _MAX_NOTE_CHARS and _URL.search(text)):
        return "URL"
    if _SHELL.search(text):
        return "PowerShell or shell"
    return "Python" if is_python_code(text) else None


def is_executable(data: bytes) -> bool:
    """A Windows, Linux or macOS program, by its magic."""
    if data[:2] == b"MZ" and len(data) > 0x40:
        header = int.from_bytes(data[0x3C:0x40], "little")
        return data[header : header + 4] == b"PE\0\0" or b"This program cannot" in data[:512]
    magics = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
    return len(data) > 0x40 and data[:4] in magics


_CODE_OBJECT_STARTS = (b"\xe3\x00\x00\x00\x00", b"c\x00\x00\x00\x00")


def is_byte_code(data: bytes) -> bool:
    """A marshalled code object, bare or after the header of a ``.pyc`` (16, 12 or 8 bytes)."""
    starts = (0, 16, 12, 8) if data[2:4] == b"\r\n" else (0,)
    return len(data) > 40 and any(data[at : at + 5] in _CODE_OBJECT_STARTS for at in starts)


def readable_text(data: bytes) -> str | None:
    """The text of some bytes (UTF-8, or UTF-16 as PowerShell encodes), None if they are none."""
    encoding = "utf-16-le" if data[1:8:2] == b"\0\0\0\0" and len(data) > 8 else "utf-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    sample = text[:2_000]
    n_readable = sum(letter.isprintable() or letter in "\r\n\t" for letter in sample)
    return text if len(text) >= MIN_SOURCE_CHARS and n_readable >= 0.98 * len(sample) else None


# An address among a few other words, as a list of names or a small configuration.
_MAX_NOTE_CHARS = 600
_URL = late_regex(r"(?:https?|wss?|ftp|tcp)://[^\s\"'<>]{4,2000}")
_SHELL = late_regex(
    r"\b(?:invoke-(?:webrequest|expression|restmethod)|new-object\s+(?:system\.)?net\.|iex\b"
    r"|start-process\b|\$env:|downloadstring|powershell(?:\.exe)?\s|curl(?:\.exe)?\s+-|wget\s+(?:-|http)"
    r"|/bin/(?:ba)?sh\b|/dev/tcp/)",
    re.IGNORECASE,
)
_FILLED_LITERAL = late_regex(r"'['\n]*'|\"[\"\n]*\"")
# How a line of Python begins, for sources that this Python does not parse.
_CODE_LINE = late_regex(
    r"^[ \t]{0,40}(?:import [a-z]\w*|from [a-z][\w.]* import |def \w+\(|class \w+[(:]|exec\(|try:"
    r"|except\b|if [^\n]{1,100}:|for \w[^\n]{0,60} in |[a-z_]\w* = \w+[.(])",
    re.MULTILINE,
)
MIN_CODE_LINES = 4
_PYTHON_HINT = late_regex(r"\b(?:import|def|class|exec|eval|print|lambda)\b|\w\(")


def is_python_code(text: str) -> bool:
    """Whether a text parses as Python and does something: an import, a call, a definition."""
    if len(text) > MAX_PARSED_BYTES:
        # What makes a source long is its own payload; the code around it is short.
        text = _FILLED_LITERAL.sub("''", segment(text).code)
    if len(text) > MAX_PARSED_BYTES or not _PYTHON_HINT.search(text):
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # Code for an older Python, or cut short, is still code.
        return sum(1 for _ in _CODE_LINE.finditer(text[:20_000])) >= MIN_CODE_LINES
    return any(map(_has_substance, tree.body))


def _has_substance(statement: ast.stmt) -> bool:
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.FunctionDef() | ast.AsyncFunctionDef():
            return True
        case ast.ClassDef() | ast.With() | ast.Try() | ast.For() | ast.While():
            return True
        case ast.Expr(value=value) | ast.Assign(value=value):
            return any(isinstance(node, ast.Call) for node in ast.walk(value))
        case ast.If(body=body):
            return any(map(_has_substance, body))
    return False


_LITERAL_TOKEN = late_regex(r"([rbuRBU]{0,2})(?:'([^'\\\n]*)'|\"([^\"\\\n]*)\")")
_ESCAPED_TOKEN = late_regex(r"b'([^'\n]*)'|b\"([^\"\n]*)\"")


def largest_literal(source: str) -> bytes:
    """The longest literal of some decoded Python, in bytes; empty if it is short."""
    plain = [match.group(2) or match.group(3) or "" for match in _LITERAL_TOKEN.finditer(source)]
    found = max(plain, key=len, default="").encode("latin-1", errors="replace")
    for match in _ESCAPED_TOKEN.finditer(source):
        body = match.group(1) or match.group(2) or ""
        if len(body) > len(found) and "\\" in body:
            found = _unescaped(body)
    return found if len(found) >= 24 else b""


def _unescaped(body: str) -> bytes:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            text = body.encode("latin-1", errors="replace").decode("unicode_escape")
    except ValueError:
        return b""
    return text.encode("latin-1", errors="replace")


_BASE64 = late_regex(rb"[A-Za-z0-9+/\s]+={0,3}\s*")
_BASE64_URL = late_regex(rb"[A-Za-z0-9_\-\s]+={0,3}\s*")
_BASE32 = late_regex(rb"[A-Z2-7\s]+={0,6}\s*")
_BASE85 = late_regex(rb"[0-9A-Za-z!#$%&()*+;<=>?@^_`{|}~\s-]+")
_ASCII85 = late_regex(rb"(?:<~)?[!-uz\s]+(?:~>)?")
_HEX = late_regex(rb"[0-9a-fA-F]+")
_NUMBERS = late_regex(rb"[\[(]?\s*\d{1,3}(?:\s*,\s*\d{1,3})+\s*,?\s*[\])]?")


def _steps(data: bytes, budget: Budget) -> Iterator[bytes]:
    """What the bytes become when one layer is undone, the first plausible reading first."""
    if not data or len(data) > MAX_LAYER_BYTES:
        return
    for undo in _UNDO:
        for candidate in (data, data[::-1]):
            result = undo(candidate)
            if not result or not budget.take(len(result)):
                continue
            if is_plausible(result):
                yield result


def is_plausible(data: bytes) -> bool:
    """Whether a decoded layer looks like a layer and not like noise."""
    return (
        _decompressor(data) is not None
        or _decompressor(data[::-1]) is not None
        or payload_of(data) is not None
        or readable_text(data) is not None
    )


def _decompressor(data: bytes) -> Callable[[bytes], bytes] | None:
    if data[:2] in (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"):
        return _inflate
    if data[:3] == b"\x1f\x8b\x08":
        return _inflate
    if data[:3] == b"BZh":
        return _bunzip
    if data[:6] == b"\xfd7zXZ\0" or data[:5] == b"\x5d\0\0\x80\0":
        return _unxz
    return None


def _decompress(data: bytes) -> bytes:
    decompress = _decompressor(data)
    if decompress is None:
        return b""
    try:
        return decompress(data)
    except (zlib.error, OSError, EOFError, lzma.LZMAError, ValueError):
        return b""


def _inflate(data: bytes) -> bytes:
    return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(data, MAX_LAYER_BYTES)


def _bunzip(data: bytes) -> bytes:
    return bz2.BZ2Decompressor().decompress(data, MAX_LAYER_BYTES)


def _unxz(data: bytes) -> bytes:
    unpacker = lzma.LZMADecompressor(memlimit=64 << 20)
    return unpacker.decompress(data, MAX_LAYER_BYTES)


def _from_base64(data: bytes) -> bytes:
    packed = b"".join(data.split())
    if len(packed) < 12 or len(packed.rstrip(b"=")) % 4 == 1:
        return b""
    alphabet = None if _BASE64.fullmatch(data) else b"-_" if _BASE64_URL.fullmatch(data) else b""
    if alphabet == b"":
        return b""
    padded = packed.rstrip(b"=") + b"=" * (-len(packed.rstrip(b"=")) % 4)
    return base64.b64decode(padded, altchars=alphabet)


def _from_hex(data: bytes) -> bytes:
    packed = b"".join(data.split())
    is_hex = len(packed) >= 16 and len(packed) % 2 == 0 and _HEX.fullmatch(packed)
    return binascii.unhexlify(packed) if is_hex else b""


def _from_escapes(data: bytes) -> bytes:
    """Text that is written mostly in escapes (``\\x65``), as a literal within a literal is."""
    sample = data[:2_000]
    if 3 * sample.count(b"\\") < len(sample) / 2:
        return b""
    return _unescaped(data.decode("latin-1"))


def _from_base32(data: bytes) -> bytes:
    packed = b"".join(data.split())
    if len(packed) < 16 or not _BASE32.fullmatch(data):
        return b""
    return _quietly(base64.b32decode, packed)


def _from_base85(data: bytes) -> bytes:
    packed = b"".join(data.split())
    if not 20 <= len(packed) <= MAX_SLOW_BYTES or not _BASE85.fullmatch(data):
        return b""
    return _quietly(base64.b85decode, packed)


def _from_ascii85(data: bytes) -> bytes:
    if not 20 <= len(data) <= MAX_SLOW_BYTES or not _ASCII85.fullmatch(data):
        return b""
    is_adobe = data[:2] == b"<~"
    return _quietly(lambda text: base64.a85decode(text, adobe=is_adobe), data)


def _from_numbers(data: bytes) -> bytes:
    if len(data) < 30 or not data[:8].strip(b"[( \n")[:1].isdigit() or not _NUMBERS.fullmatch(data):
        return b""
    numbers = [int(number) for number in data.strip(b"[]() \n,").split(b",")]
    return bytes(numbers) if max(numbers) < 256 else b""


def _quietly(decode: Callable[[bytes], bytes], data: bytes) -> bytes:
    try:
        return decode(data)
    except (ValueError, binascii.Error):
        return b""


# The narrowest alphabet first: hexadecimal is also base 64, and base 32 and 64 are also base 85.
_UNDO: tuple[Callable[[bytes], bytes], ...] = (
    _decompress,
    _from_escapes,
    _from_hex,
    _from_base32,
    _from_base64,
    _from_numbers,
    _from_base85,
    _from_ascii85,
)
