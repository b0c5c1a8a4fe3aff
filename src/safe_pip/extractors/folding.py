"""Constant folding: what pure operations on constants give, within bounds.

The sources are hostile: every operation that can grow its input is bounded before it is done.
A result of None means "not folded"; no operation raises.
"""

from __future__ import annotations

import ast
import base64
import binascii
import bz2
import codecs
import html
import lzma
import operator
import re
import shlex
import textwrap
import urllib.parse
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from safe_pip.extractors.packed_folding import PACKING_ERRORS, PACKING_FUNCTIONS
from safe_pip.extractors.parsing import parse
from safe_pip.extractors.values import HOLE, Constant

MAX_CONSTANT_LENGTH = 4 << 20
MAX_INT_BITS = 1 << 20
MAX_INT_DIGITS = 4_000  # CPython's own limit for int(str), which is quadratic
_MAX_SPLIT_CHARS = 2_000
_PATTERN_SIGNS = re.compile(r"[.^$*+?{}\[\]\\|()]")
_FLOAT_CHARS = 25
_WIDE_FORMAT = re.compile(r"\d{5,}|\*")
_FOLDING_ERRORS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    zlib.error,
    *PACKING_ERRORS,
)


def fold_binary(op: ast.operator, left: Constant, right: Constant) -> Constant | None:
    """``left op right``; text and numbers."""
    fold = _BINARY.get(type(op))
    if fold is None:
        return None
    try:
        return _bounded(fold(left, right))
    except _FOLDING_ERRORS:
        return None


def fold_unary(op: ast.unaryop, operand: Constant) -> Constant | None:
    if not isinstance(operand, (int, float)):
        return None
    match op:
        case ast.USub():
            return -operand
        case ast.UAdd():
            return operand
        case ast.Invert() if isinstance(operand, int):
            return ~operand
        case ast.Not():
            return not operand
    return None


def fold_subscript(whole: Constant, index: Constant | slice) -> Constant | None:
    if isinstance(whole, (int, float)):
        return None
    try:
        return _bounded(whole[index])  # type: ignore[index]
    except _FOLDING_ERRORS:
        return None


def fold_function(
    name: str, args: Sequence[Constant], keywords: Mapping[str, Constant] | None = None
) -> Constant | None:
    """The call of a builtin or standard-library function by its qualified name."""
    fold = FUNCTIONS.get(name)
    if fold is None:
        return None
    try:
        return _bounded(fold(*args, **(keywords or {})))
    except _FOLDING_ERRORS:
        return None


def fold_method(
    receiver: Constant,
    method: str,
    args: Sequence[Constant],
    keywords: Mapping[str, Constant] | None = None,
) -> Constant | None:
    """A method of str, bytes, int or list."""
    try:
        if method in _PLAIN_METHODS or (method in _SHORT_METHODS and _is_short(args)):
            return _bounded(getattr(receiver, method)(*args, **(keywords or {})))
        fold = _BOUNDED_METHODS.get(method)
        return None if fold is None else _bounded(fold(receiver, *args, **(keywords or {})))
    except _FOLDING_ERRORS:
        return None


def format_percent(template: str | bytes, values: Constant) -> str | bytes | None:
    wide = _WIDE_FORMAT.search(
        template if isinstance(template, str) else template.decode("latin-1")
    )
    is_long = len(template) + _n_chars(values) > MAX_CONSTANT_LENGTH
    return None if wide or is_long else template % values


def _bounded(result: object) -> Constant | None:
    match result:
        case bool():
            return int(result)
        case int():
            return result if result.bit_length() <= MAX_INT_BITS else None
        case float():
            return result
        case str() | bytes():
            return result if len(result) <= MAX_CONSTANT_LENGTH else None
        case bytearray():
            return bytes(result)
        case list() | tuple() | map() | reversed() | range():
            given = tuple(result)
            if _are_bounded(given):
                return given
            items = tuple(map(_bounded, given))
            return None if None in items else items  # type: ignore[return-value]
    return None


def _are_bounded(items: tuple[object, ...]) -> bool:
    """Whether items are of one kind and small, as those of most long tuples are: asked of all of
    them at once, which takes a tenth of the time."""
    kinds = set(map(type, items))
    if kinds == {str} or kinds == {bytes}:
        return sum(map(len, items)) <= MAX_CONSTANT_LENGTH  # type: ignore[arg-type]
    return kinds == {int} and max(map(abs, items)).bit_length() <= MAX_INT_BITS  # type: ignore[arg-type]


def joined(texts: Sequence[str], separator: str = "") -> str:
    """Texts with holes, joined; one hole where the whole would be longer than a constant may be.

    A text that is added to itself doubles: thirty such lines would fill any memory.
    """
    n_chars = sum(map(len, texts)) + len(separator) * len(texts)
    return HOLE if n_chars > MAX_CONSTANT_LENGTH else separator.join(texts)


def _n_chars(value: object) -> int:
    """About as many characters as a constant takes in a text."""
    match value:
        case str() | bytes():
            return len(value)
        case tuple():
            return sum(map(_n_chars, value))
        case int():
            return value.bit_length() // 3 + 2
    return _FLOAT_CHARS


def _is_short(args: Sequence[Constant]) -> bool:
    return all(arg < 1_000 for arg in args if isinstance(arg, int))


def _multiply(left: Any, right: Any) -> Any:
    if isinstance(left, int) and not isinstance(right, int):
        left, right = right, left
    if isinstance(left, (str, bytes, tuple)) and len(left) * right > MAX_CONSTANT_LENGTH:
        return None
    return left * right


def _power(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() * right > 4_096:
        return None
    return left**right


def _shift(left: Any, right: Any) -> Any:
    return None if right > 4_096 else left << right


def _modulo(left: Any, right: Any) -> Any:
    return format_percent(left, right) if isinstance(left, (str, bytes)) else left % right


def _add(left: Any, right: Any) -> Any:
    if not isinstance(left, (int, float)) and len(left) + len(right) > MAX_CONSTANT_LENGTH:
        return None
    return left + right


_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: _add,
    ast.Sub: operator.sub,
    ast.Mult: _multiply,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: _modulo,
    ast.Pow: _power,
    ast.LShift: _shift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
}


def decompress(data: bytes, wbits: int = zlib.MAX_WBITS, bufsize: int = 0) -> bytes | None:
    """zlib, gzip (``wbits`` 31) or raw deflate; None above the bound."""
    del bufsize
    engine = zlib.decompressobj(wbits)
    content = engine.decompress(data, MAX_CONSTANT_LENGTH)
    return None if engine.unconsumed_tail else content


def _bunzip(data: bytes) -> bytes | None:
    engine = bz2.BZ2Decompressor()
    content = engine.decompress(data, MAX_CONSTANT_LENGTH)
    return content if engine.eof else None


def _unxz(data: bytes) -> bytes | None:
    engine = lzma.LZMADecompressor(memlimit=64 << 20)
    content = engine.decompress(data, MAX_CONSTANT_LENGTH)
    return content if engine.eof else None


def _decode(data: Any, encoding: str = "utf-8", errors: str = "strict") -> Any:
    codec = encoding.lower().replace("_", "-")
    if codec in ("zlib", "zip", "zlib-codec"):
        return decompress(data)
    if codec in ("bz2", "bz2-codec"):
        return _bunzip(data)
    if codec in ("rot13", "rot-13"):
        return codecs.decode(data, "rot13")
    if codec in ("hex", "hex-codec"):
        return binascii.unhexlify(data)
    if codec in ("base64", "base64-codec"):
        return binascii.a2b_base64(data)
    if isinstance(data, str) and codec in ("unicode-escape", "string-escape"):
        data = data.encode("latin-1", "backslashreplace")
    return data.decode(encoding, errors)


def _encode(data: Any, encoding: str = "utf-8", errors: str = "strict") -> Any:
    codec = encoding.lower().replace("_", "-")
    if codec in ("rot13", "rot-13"):
        return codecs.encode(data, "rot13")
    if isinstance(data, bytes):
        return base64.b64encode(data) if codec.startswith("base64") else data.hex().encode()
    return data.encode(encoding, errors)


def _base85(data: str | bytes) -> bytes:
    return base64.b85decode(data)


def _make_bytes(source: Any = b"", encoding: str = "", errors: str = "strict") -> Any:
    if isinstance(source, str):
        return source.encode(encoding, errors)
    if isinstance(source, int):
        return bytes(source) if source <= MAX_CONSTANT_LENGTH else None
    return bytes(source)


def _make_int(source: Any = 0, base: int = 0) -> int | None:
    if isinstance(source, (str, bytes)):
        return int(source, base or 10) if len(source) <= MAX_INT_DIGITS else None
    return int(source)


def _make_str(source: Any = "", encoding: str = "", errors: str = "strict") -> str | None:
    if isinstance(source, bytes):
        return source.decode(encoding or "utf-8", errors) if encoding else str(source)
    return str(source)


def _make_range(*bounds: int) -> tuple[int, ...] | None:
    numbers = range(*bounds)
    return tuple(numbers) if len(numbers) <= 100_000 else None


def _make_tuple(source: Any = ()) -> tuple[Any, ...]:
    return tuple(source)


def _reverse(source: Any) -> tuple[Any, ...]:
    return tuple(reversed(source))


def _sum(numbers: Any, start: Any = 0) -> Any:
    return sum(numbers, start) if all(isinstance(n, (int, float)) for n in numbers) else None


def _to_bytes(number: int, length: int = 1, byteorder: Any = "big", *, signed: int = 0) -> Any:
    if length > MAX_CONSTANT_LENGTH:
        return None
    return number.to_bytes(length, byteorder, signed=bool(signed))


def _replace(text: Any, old: Any, new: Any, count: int = -1) -> Any:
    if len(new) > len(old) and (text.count(old) + 1) * len(new) > MAX_CONSTANT_LENGTH:
        return None
    return text.replace(old, new, count)


def _join_text(separator: Any, items: Any) -> Any:
    n_chars = _n_chars(items) + len(separator) * len(items)
    return None if n_chars > MAX_CONSTANT_LENGTH else separator.join(items)


def _format(template: Any, *args: Any, **keywords: Any) -> Any:
    # One value may fill every field.
    longest = max(map(_n_chars, (*args, *keywords.values())), default=0)
    is_long = len(template) + template.count("{") * longest > MAX_CONSTANT_LENGTH
    return None if is_long or _WIDE_FORMAT.search(template) else template.format(*args, **keywords)


def _translate(text: Any, table: Any, delete: bytes = b"") -> Any:
    if isinstance(text, bytes):
        return text.translate(table, delete)
    return text.translate(dict(table))


def _maketrans(*args: Any) -> Any:
    if len(args) >= 2 and isinstance(args[0], bytes):
        return bytes.maketrans(args[0], args[1])
    return tuple(pair for pair in str.maketrans(*args).items() if pair[1] is not None)


def _literal(source: Any) -> Any:
    parsed = parse(source.strip()) if len(source) < 100_000 else None
    if parsed is None or parsed.tree is None or len(parsed.tree.body) != 1:
        return None
    statement = parsed.tree.body[0]
    return ast.literal_eval(statement.value) if isinstance(statement, ast.Expr) else None


_MAX_COMPARED_ITEMS = 2_000
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}


def fold_comparison(op: ast.cmpop, left: Constant, right: Constant) -> bool | None:
    """The result of a comparison, None if it is unknown or would take long."""
    compare = _COMPARISONS.get(type(op))
    if isinstance(right, (str, bytes, tuple)) and len(right) > _MAX_COMPARED_ITEMS:
        return None
    try:
        return None if compare is None else compare(left, right)
    except TypeError:
        return None


DISGUISING_FUNCTIONS = frozenset(
    ("builtins.bytearray", "builtins.bytes", "builtins.chr", "builtins.unichr",
     "builtins.int.to_bytes")
)  # fmt: skip
"""What text is assembled from numbers with: its result counts as decoded."""


def _clean_docstring(text: str) -> str:
    first, sign, rest = text.expandtabs().partition("\n")
    return f"{first.lstrip()}{sign}{textwrap.dedent(rest)}".strip("\n")


def _substitute(pattern: str, replacement: str, text: str) -> str | None:
    """``re.sub`` for a pattern that is plain text: any other can be made to take forever."""
    is_plain = not _PATTERN_SIGNS.search(pattern) and "\\" not in replacement
    is_short = len(text) * (len(replacement) + 1) <= MAX_CONSTANT_LENGTH
    return text.replace(pattern, replacement) if is_plain and is_short and pattern else None


def _split_words(text: str) -> list[str] | None:
    # Letter by letter, in Python: what is long would take long.
    return shlex.split(text) if len(text) <= _MAX_SPLIT_CHARS else None


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "ast.literal_eval": _literal,
    "base64.a85decode": base64.a85decode,
    "base64.b16decode": base64.b16decode,
    "base64.b16encode": base64.b16encode,
    "base64.b32decode": base64.b32decode,
    "base64.b32encode": base64.b32encode,
    "base64.b64decode": base64.b64decode,
    "base64.b64encode": base64.b64encode,
    "base64.b85decode": _base85,
    "base64.b85encode": base64.b85encode,
    "base64.decodebytes": base64.b64decode,
    "base64.decodestring": base64.b64decode,
    "base64.encodebytes": base64.b64encode,
    "base64.standard_b64decode": base64.b64decode,
    "base64.urlsafe_b64decode": base64.urlsafe_b64decode,
    "binascii.a2b_base64": binascii.a2b_base64,
    "binascii.a2b_hex": binascii.unhexlify,
    "binascii.hexlify": binascii.hexlify,
    "binascii.unhexlify": binascii.unhexlify,
    "builtins.abs": abs,
    "builtins.bin": bin,
    "builtins.bytearray": _make_bytes,
    "builtins.bytearray.fromhex": bytes.fromhex,
    "builtins.bytes": _make_bytes,
    "builtins.bytes.decode": _decode,
    "builtins.bytes.fromhex": bytes.fromhex,
    "builtins.chr": chr,
    "builtins.hex": hex,
    "builtins.int": _make_int,
    "builtins.int.from_bytes": int.from_bytes,
    "builtins.int.to_bytes": _to_bytes,
    "builtins.len": len,
    "builtins.list": _make_tuple,
    "builtins.max": max,
    "builtins.min": min,
    "builtins.oct": oct,
    "builtins.ord": ord,
    "builtins.range": _make_range,
    "builtins.reversed": _reverse,
    "builtins.round": round,
    "builtins.sorted": sorted,
    "builtins.str": _make_str,
    "builtins.str.encode": _encode,
    "builtins.str.join": _join_text,
    "builtins.str.maketrans": _maketrans,
    "builtins.bytes.maketrans": _maketrans,
    "builtins.sum": _sum,
    "builtins.tuple": _make_tuple,
    "builtins.unichr": chr,
    "binascii.a2b_uu": binascii.a2b_uu,
    "bz2.BZ2Decompressor.decompress": _bunzip,
    "bz2.decompress": _bunzip,
    "codecs.decode": _decode,
    "codecs.encode": _encode,
    "gzip.decompress": lambda data: decompress(data, 31),
    "html.unescape": html.unescape,
    "inspect.cleandoc": _clean_docstring,
    "lzma.LZMADecompressor.decompress": _unxz,
    "lzma.decompress": _unxz,
    "operator.add": _add,
    "operator.xor": operator.xor,
    "re.sub": _substitute,
    "shlex.join": shlex.join,
    "shlex.split": _split_words,
    "urllib.parse.unquote": urllib.parse.unquote,
    "urllib.parse.unquote_plus": urllib.parse.unquote_plus,
    "urllib.unquote": urllib.parse.unquote,
    "zlib.decompress": decompress,
    "zlib.decompressobj.decompress": decompress,
    **PACKING_FUNCTIONS,
}

_PLAIN_METHODS = frozenset(
    [
        "capitalize",
        "casefold",
        "count",
        "endswith",
        "find",
        "hex",
        "index",
        "isalpha",
        "isdigit",
        "lower",
        "lstrip",
        "partition",
        "removeprefix",
        "removesuffix",
        "rfind",
        "rindex",
        "rpartition",
        "rsplit",
        "rstrip",
        "split",
        "splitlines",
        "startswith",
        "strip",
        "swapcase",
        "title",
        "upper",
        "__len__",
    ]
)
_SHORT_METHODS = frozenset(("center", "ljust", "rjust", "zfill"))
_BOUNDED_METHODS: Mapping[str, Callable[..., Any]] = {
    "__add__": _add,
    "__getitem__": lambda whole, index: whole[index],
    "__mod__": _modulo,
    "__mul__": _multiply,
    "__xor__": operator.xor,
    "decode": _decode,
    "encode": _encode,
    "format": _format,
    "join": _join_text,
    "maketrans": lambda _, *args: _maketrans(*args),
    "replace": _replace,
    "to_bytes": _to_bytes,
    "tobytes": _make_bytes,
    "translate": _translate,
}
