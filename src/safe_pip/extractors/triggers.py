"""Triggers: which files earn a syntax tree.

A file without any of these words can do nothing that the code group looks for, so its tree would
add no evidence. The words are derived from the tables of sinks and patterns.
"""

from __future__ import annotations

import re
import unicodedata

from safe_pip.extractors.capabilities import SINKS

_HIDING_WORDS = frozenset(
    """__import__ __builtins__ builtins __builtin__ import_module globals vars __dict__ __globals__
    __subclasses__ __getattribute__ attrgetter methodcaller exec eval execfile compile chr
    fromhex rot13 environ getenv""".split()  # noqa: SIM905
)
# Roots whose mere import is so common that only their sinks' own names count.
_COMMON_ROOTS = frozenset(("os", "builtins", "pathlib", "shutil", "time", "sys", "asyncio"))
# Sinks too common to earn a tree alone; they count once something else has earned it.
_COMMON_WORDS = frozenset(
    """copy copy2 copyfile copyfileobj copytree move rename replace chmod write symlink remove
    unlink rmdir removedirs rmtree utime sleep write_text write_bytes read_text read_bytes id name
    version run system machine release""".split()  # noqa: SIM905
)


def _words() -> frozenset[str]:
    words = set(_HIDING_WORDS)
    for name in SINKS:
        root, _, rest = name.partition(".")
        leaf = rest.rpartition(".")[2]
        if root not in _COMMON_ROOTS:
            words.add(root)
        elif leaf not in _COMMON_WORDS:
            words.add(leaf)
    return frozenset(words | {"system", "http", "six"})


WORDS = _words()
_WORD = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
_WORDS_AS_BYTES = frozenset(word.encode() for word in WORDS)
_SHAPES = re.compile(rb"[A-Za-z0-9+/=]{200}|(?:\\x[0-9a-fA-F]{2}){12}|[ \t]{80}\S")


def earns_tree(data: bytes) -> bool:
    """Whether anything in the bytes may be evidence of the code group."""
    if not _WORDS_AS_BYTES.isdisjoint(_WORD.findall(data)) or _SHAPES.search(data):
        return True
    if data.isascii():
        return False
    # Python reads identifiers in their NFKC form, so a full-width "exec" is exec.
    text = unicodedata.normalize("NFKC", data.decode("utf-8", errors="replace"))
    return not _WORDS_AS_BYTES.isdisjoint(_WORD.findall(text.encode()))
