"""Sources in a coding of their own: presented as the text that Python makes of their bytes.

Whether a module is looked at closely is decided by the words in its bytes, and where Python finds
the name of a coding is not where ``tokenize`` does: each of the two could hide a program.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from safe_pip.distribution import Distribution, SourceFile
from safe_pip.errors import UnscannableError
from safe_pip.extractors.parsing import decode_source
from safe_pip.extractors.surfaces import is_python_path
from safe_pip.extractors.wheel_layout import is_test_or_doc, is_wheel

# As CPython's tokenizer finds it (PEP 263): in bytes, once all line ends are line feeds.
_COOKIE = re.compile(rb"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_COOKIE_NAME = re.compile(r"(?m)\A((?:.*\n)?[ \t\f]*#.*?coding[:=][ \t]*)([-\w.]+)")
_NO_CODE = re.compile(rb"[ \t\f]*(?:#.*)?\Z")
_WORD = re.compile(rb"\w+")
_UTF_8_NAMES = frozenset({"utf-8", "ascii"})


def with_plain_sources(distribution: Distribution) -> Distribution:
    """With sources that say more once they are decoded than their bytes do in UTF-8.

    Raises UnscannableError for a coding that Python itself does not know: some code of somebody's
    would decode it.
    """
    files = [_plain(file, distribution) for file in distribution.files]
    if all(one is other for one, other in zip(files, distribution.files, strict=True)):
        return distribution
    return replace(distribution, files=tuple(files))


def _plain(file: SourceFile, distribution: Distribution) -> SourceFile:
    if not is_python_path(file.path) or file.path.endswith(".pth"):
        return file
    data = file.read()
    if b"coding" not in b"\n".join(data.split(b"\n", 2)[:2]):
        return file
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    coding = _coding(lines)
    try:
        text = _decoded(lines, coding)
    except LookupError as error:
        if not is_wheel(distribution) and is_test_or_doc(file.path):
            return file
        raise UnscannableError(
            f"{file.path!a} is in the coding {coding!a}, which Python does not know",
            reason="source-coding",
        ) from error
    except UnicodeError:
        return file  # No Python takes it either.
    if decode_source(data) == text and not _says_more(text, data, coding):
        return file
    content = _COOKIE_NAME.sub(r"\1utf-8", text).encode("utf-8", "replace")
    return replace(
        file,
        size=len(content),
        load=partial(bytes, content),
        stream=None,
        prefix=b"",
        has_zip_end=file.has_zip_end,
    )


def _coding(lines: bytes) -> str:
    if lines.startswith(codecs.BOM_UTF8):
        return "utf-8"
    for line in _first_lines(lines):
        if found := _COOKIE.match(line):
            name = found[1].decode("ascii")
            short = name[:12].lower().replace("_", "-")
            is_utf_8 = short == "utf-8" or short.startswith("utf-8-")
            # Editors write the kind of line ends behind these.
            is_latin_1 = re.match(r"(?:latin-1|iso-8859-1|iso-latin-1)(?:-|\Z)", short)
            return "utf-8" if is_utf_8 else "latin-1" if is_latin_1 else name
        if not _NO_CODE.match(line):
            break
    return "utf-8"


def _first_lines(lines: bytes) -> Iterator[bytes]:
    end = lines.find(b"\n")
    yield lines[:end] if end >= 0 else lines
    if end >= 0:
        yield lines[end + 1 :].split(b"\n", 1)[0]


def _decoded(lines: bytes, coding: str) -> str:
    """Raises LookupError, or UnicodeError for what this coding cannot have written."""
    if coding == "utf-8":
        return lines.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")
    text = lines.decode(coding)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _says_more(text: str, data: bytes, coding: str) -> bool:
    """Whether a text, read as Python reads identifiers, has words that its bytes do not show."""
    if codecs.lookup(coding).name in _UTF_8_NAMES:
        return False
    normal = unicodedata.normalize("NFKC", text).encode("ascii", "replace")
    return not set(_WORD.findall(normal)) <= set(_WORD.findall(data))
