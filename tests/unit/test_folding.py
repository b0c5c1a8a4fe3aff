"""Constant folding: what it gives, and that hostile constants cannot make it grow."""

from __future__ import annotations

import ast
import base64
import bz2
import codecs
import gzip
import lzma
import zlib

import pytest

from safe_pip.extractors.folding import (
    MAX_CONSTANT_LENGTH,
    fold_binary,
    fold_function,
    fold_method,
    fold_subscript,
    fold_unary,
)
from safe_pip.extractors.values import Constant

WORD = b"import os"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("base64.b64decode", base64.b64encode(WORD)),
        ("base64.urlsafe_b64decode", base64.urlsafe_b64encode(WORD)),
        ("base64.b32decode", base64.b32encode(WORD)),
        ("base64.b16decode", base64.b16encode(WORD)),
        ("base64.b85decode", base64.b85encode(WORD)),
        ("base64.a85decode", base64.a85encode(WORD)),
        ("binascii.unhexlify", WORD.hex()),
        ("builtins.bytes.fromhex", WORD.hex()),
        ("builtins.bytes", tuple(WORD)),
        ("zlib.decompress", zlib.compress(WORD)),
        ("gzip.decompress", gzip.compress(WORD)),
        ("bz2.decompress", bz2.compress(WORD)),
        ("lzma.decompress", lzma.compress(WORD)),
    ],
)
def test_decoders_give_what_was_encoded(name: str, data: Constant) -> None:
    assert fold_function(name, [data]) == WORD


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [
        ("builtins.chr", [101], "e"),
        ("builtins.ord", ["e"], 101),
        ("builtins.int", ["65", 16], 101),
        ("builtins.reversed", ["abc"], ("c", "b", "a")),
        ("codecs.decode", [codecs.encode("system", "rot13"), "rot_13"], "system"),
        ("codecs.decode", [b"73797374656d", "hex"], b"system"),
        ("urllib.parse.unquote", ["%73ystem"], "system"),
        ("html.unescape", ["&#115;ystem"], "system"),
        ("ast.literal_eval", ["('a', 'b')"], ("a", "b")),
    ],
)
def test_functions_of_constants_are_folded(
    name: str, args: list[Constant], expected: Constant
) -> None:
    assert fold_function(name, args) == expected


@pytest.mark.parametrize(
    ("receiver", "method", "args", "expected"),
    [
        ("", "join", [("sys", "tem")], "system"),
        ("s{}m", "format", ["yste"], "system"),
        ("sXXystem", "replace", ["XX", ""], "system"),
        (b"system", "decode", [], "system"),
        ("SYSTEM", "lower", [], "system"),
        ("a.b", "split", ["."], ("a", "b")),
        (115, "to_bytes", [1, "big"], b"s"),
    ],
)
def test_methods_of_constants_are_folded(
    receiver: Constant, method: str, args: list[Constant], expected: Constant
) -> None:
    assert fold_method(receiver, method, args) == expected


def test_operators_are_folded() -> None:
    assert fold_binary(ast.Add(), "sys", "tem") == "system"
    assert fold_binary(ast.Mod(), "%stem", "sys") == "system"
    assert fold_binary(ast.BitXor(), 0b1010, 0b0110) == 0b1100
    assert fold_subscript("metsys", slice(None, None, -1)) == "system"
    assert fold_unary(ast.Invert(), 0) == -1


@pytest.mark.parametrize(
    ("op", "left", "right"),
    [
        (ast.Mult(), "a", 10**12),
        (ast.Mult(), 10**12, b"a"),
        (ast.Pow(), 10, 10**9),
        (ast.LShift(), 1, 10**12),
        (ast.Mod(), "%1000000000d", 1),
        (ast.Div(), 1, 0),
        (ast.Add(), "a", 1),
    ],
)
def test_growing_or_failing_operators_are_not_folded(
    op: ast.operator, left: Constant, right: Constant
) -> None:
    assert fold_binary(op, left, right) is None


@pytest.mark.parametrize(
    ("receiver", "method", "args"),
    [
        ("a", "ljust", [10**12]),
        ("a", "zfill", [10**12]),
        ("{:1000000000}", "format", [1]),
        ("a" * 10_000, "replace", ["a", "b" * 10_000]),
        (1, "to_bytes", [10**12, "big"]),
        ("a", "no_such_method", []),
    ],
)
def test_growing_or_unknown_methods_are_not_folded(
    receiver: Constant, method: str, args: list[Constant]
) -> None:
    assert fold_method(receiver, method, args) is None


@pytest.mark.parametrize("compress", [zlib.compress, gzip.compress, bz2.compress, lzma.compress])
def test_decompression_bombs_are_not_folded(compress: object) -> None:
    assert callable(compress)
    bomb = compress(bytes(MAX_CONSTANT_LENGTH + 1))
    name = f"{compress.__module__.lstrip('_')}.decompress"
    assert fold_function(name, [bomb]) is None


def test_huge_ranges_and_numbers_are_not_folded() -> None:
    assert fold_function("builtins.range", [10**12]) is None
    assert fold_function("builtins.int", ["9" * 100_000]) is None
    assert fold_function("builtins.bytes", [10**12]) is None


def test_unknown_functions_are_not_folded() -> None:
    assert fold_function("os.system", ["echo"]) is None
