"""Outlines: modules that earn no tree, read statement by statement, and only what is asked for.

Without a trigger a module does nothing weighty by itself; but it may hold what another runs: a
command, an address, a function that hands them on. A tree of every such module would double the
time of a scan, so its text is cut where statements begin, and a name that another file asks for is
bound by the statements that mention it.
"""

from __future__ import annotations

import ast
import re
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from safe_pip.extractors.parsing import parse, parse_leniently
from safe_pip.extractors.values import Scope, Value

MAX_OUTLINE_CHARS = 1 << 20
_MAX_BLANK_LINES = 3_000
_DOCSTRING = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*[ \t]*[rRuU]?(\"\"\"|''')(?s:.*?)\1")
# A statement begins in the first column; what goes on with the one before is left out.
_STATEMENT = re.compile(
    r"^(?![\s#)\]}]|(?:else|elif|except|finally)\b)"
    r"(?:(?:async[ \t]+)?(?:def|class)[ \t]+(?P<name>\w+)|(?P<decorator>@))?",
    re.MULTILINE,
)
_WORD = re.compile(r"[^\W\d]\w*")
_DOTTED_WORD = re.compile(r"[^\W\d][\w.]*")
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(\.*)([\w.]*)[ \t]+import\b|import\b)([^\n(]*(?:\([^)]{0,4000}\))?)",
    re.MULTILINE,
)
_CALLED = re.compile(r"(?<![\w.])([^\W\d]\w*)(?:\.\w+)*[ \t]*\(")
_DECORATOR = re.compile(r"^@[ \t]*(\w+)", re.MULTILINE)


class Runner(Protocol):
    """What an outline asks of the program that it is part of."""

    def may_read(self, n_chars: int) -> bool:
        """Whether that much text may be read on, which counts as read then."""

    def run_in(self, statements: list[ast.stmt], scope: Scope) -> None:
        """Runs statements in the scope of their module."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Where a statement of the first column begins, where the next one does, and after how
    many lines."""

    start: int
    end: int
    line: int


def imports_of(source: str) -> Iterator[tuple[str, str, list[str]]]:
    """The imports of a source: the dots and the name of what follows ``from``, and the words that
    follow ``import``, with their dots."""
    for dots, module, names in _IMPORT.findall(source):
        yield dots, module, _DOTTED_WORD.findall(names)


class Outline(dict[str, Value]):
    """The names of one module, each bound when it is first asked for: functions and classes only
    by the module's own code (``get``) or where one is called (``definition``)."""

    def __init__(self, source: str, *, path: str, runner: Runner) -> None:
        super().__init__()
        self._source = source
        self._path = path
        # Not held: a scope holds its names, and what is a cycle lives long.
        self._scope: weakref.ref[Scope] | None = None
        self._runner = runner
        self._asked: set[str] = set()
        self._statements: list[Statement] = []
        self._definitions: dict[str, list[Statement]] = {}
        self._mentions: Mapping[str, list[Statement]] | None = None
        self._read: set[Statement] = set()
        self._is_cut = False
        self._is_whole = False

    def get(self, name: object, default: object = None) -> Value | None:  # type: ignore[override]
        """A name as the module's own code means it: functions and classes as well."""
        found = super().get(name)  # type: ignore[call-overload]
        if found is None and isinstance(name, str):
            found = self._ask(name) or self.definition(name)
        return found if found is not None else default  # type: ignore[return-value]

    def __contains__(self, name: object) -> bool:
        """Whether an importer gets the name at once: not a function or a class that nobody has
        called yet."""
        return super().__contains__(name) or (isinstance(name, str) and self._ask(name) is not None)

    def _ask(self, name: str) -> Value | None:
        if name not in self._asked:
            self._asked.add(name)
            self.run(self._all_mentions.get(name, ()))
        return super().get(name)

    def definition(self, name: str) -> Value | None:
        """A function or class of the module; None when it defines none of that name."""
        self._cut()
        self.run(self._definitions.get(name, ()))
        found = super().get(name)
        return found if found is not None and found.function is not None else None

    def close(self) -> None:
        """Reads on no more: what is bound stays, the text is freed."""
        self._source = ""
        self._is_cut = True
        self._mentions = {}
        self._statements.clear()
        self._definitions.clear()

    def defines(self, name: str) -> bool:
        self._cut()
        return name in self._definitions

    def calling(self, is_acting: Callable[[str, str, list[str]], bool]) -> list[Statement]:
        """The module's statements, functions and classes aside but for those that are decorated
        so, if one of them may call what it imports from a module that acts, named by dots, name
        and the words that follow; else none."""
        self._cut()
        imported: set[str] = set()
        called: set[str] = set()
        decorated: list[Statement] = []
        for statement in self._statements:
            text = self._source[statement.start : statement.end]
            if "import" in text:
                for dots, module, words in imports_of(text):
                    if is_acting(dots, module, words):
                        imported.update(word.partition(".")[0] for word in words)
            if "(" in text:
                called.update(_CALLED.findall(text))
        if not imported:
            return []
        for statement in chain.from_iterable(self._definitions.values()):
            if self._source.startswith("@", statement.start):
                names = _DECORATOR.findall(self._source, statement.start, statement.end)
                if not imported.isdisjoint(names):
                    decorated.append(statement)
        if not decorated and imported.isdisjoint(called):
            return []
        return sorted((*self._statements, *decorated), key=lambda part: part.start)

    @property
    def _all_mentions(self) -> Mapping[str, list[Statement]]:
        """Which statements, but for functions and classes, have a word."""
        if self._mentions is None:
            self._cut()
            mentions: dict[str, list[Statement]] = {}
            for statement in self._statements:
                for word in set(_WORD.findall(self._source[statement.start : statement.end])):
                    mentions.setdefault(word, []).append(statement)
            self._mentions = mentions
        return self._mentions

    def _cut(self) -> None:
        """Finds where statements begin."""
        if self._is_cut:
            return
        self._is_cut = True
        docstring = _DOCSTRING.match(self._source)
        begins = list(_STATEMENT.finditer(self._source, docstring.end() if docstring else 0))
        ends = [match.start() for match in begins[1:]] + [len(self._source)]
        start, line, counted = -1, 0, 0
        for match, end in zip(begins, ends, strict=False):
            start = match.start() if start < 0 else start
            if match["decorator"]:
                continue
            line += self._source.count("\n", counted, start)
            counted = start
            statement = Statement(start=start, end=end, line=line)
            name = match["name"]
            if name and self._source.startswith("class", match.start()):
                # What only holds constants is bound like them.
                name = name if " def " in self._source[start:end] else None
            (self._definitions.setdefault(name, []) if name else self._statements).append(statement)
            start = -1

    def run(self, statements: Iterable[Statement]) -> None:
        """Runs those of the statements that were not run before, as far as may be read."""
        body: list[ast.stmt] = []
        for statement in statements:
            if self._is_whole:
                break
            n_chars = statement.end - statement.start
            if statement in self._read or not self._runner.may_read(n_chars):
                continue
            self._read.add(statement)
            # Faster than to move each node to its line, of a long statement at any rate.
            is_near = statement.line <= max(_MAX_BLANK_LINES, n_chars)
            text = self._source[statement.start : statement.end]
            tree = parse("\n" * statement.line + text if is_near else text).tree
            if tree is None:
                # Cut within a string, or Python 2: the whole is read once.
                self._is_whole = True
                may_read = self._runner.may_read(len(self._source))
                tree = parse_leniently(self._source).tree if may_read else None
                body = [] if tree is None else tree.body
                break
            if not is_near:
                ast.increment_lineno(tree, statement.line)
            body += tree.body
        if body:
            self._runner.run_in(body, self.scope)

    @property
    def scope(self) -> Scope:
        """The module's scope, which has these names."""
        scope = self._scope() if self._scope is not None else None
        if scope is None:
            scope = Scope(module=self._path)
            scope.names = self
            self._scope = weakref.ref(scope)
        return scope
