"""Values: what is known, without running anything, of an expression's result."""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Constant: TypeAlias = "str | bytes | int | float | tuple[Constant, ...]"
"""Lists are folded as tuples; bools are ints."""

Origin = Literal[
    "clipboard",     # text another program put on the clipboard
    "decoded",       # came out of a decoder, a decompressor or a cipher
    "environment",   # the whole environment, or its secrets
    "file",          # the content of a file
    "handed",        # a private key or its like that the caller hands over
    "host",          # who and where this machine is
    "login",         # a token or a password that the caller hands over
    "keys",          # key strokes, pictures of the screen or the camera, sound
    "network",       # arrived from the network
    "secret",        # the content of a credential store
    "secret-path",   # the path of a credential store
    "socket",        # a raw socket
]  # fmt: skip
Origins: TypeAlias = frozenset[Origin]

NO_ORIGINS: Origins = frozenset()
DECODED: Origins = frozenset(("decoded",))
ENVIRONMENT: Origins = frozenset(("environment",))
FILE: Origins = frozenset(("file",))
HANDED: Origins = frozenset(("handed",))
HOST: Origins = frozenset(("host",))
LOGIN: Origins = frozenset(("login",))
NETWORK: Origins = frozenset(("network",))
SECRET: Origins = frozenset(("secret",))
SECRET_PATH: Origins = frozenset(("secret-path",))
SOCKET: Origins = frozenset(("socket",))
HOLE = "{}"
"""Stands in a partly known string for each part that is not known."""


@dataclass(slots=True, kw_only=True)
class Value:
    """A result: its constant, the thing it refers to, and where its content came from.

    ``const`` is None when unknown; with ``is_partial`` it is a string with HOLE for its unknown
    parts. ``ref`` is the qualified name of a function, class or module ("os.system"), with "()"
    after a call ("socket.socket()"). ``parts`` are the known elements of a container, the known
    attributes of an instance, or the path ("path") of a file's content or handle. ``others`` is
    what it may be as well, of two branches: functions, names and texts that may be commands.
    """

    const: Constant | None = None
    is_partial: bool = False
    ref: str = ""
    origins: Origins = NO_ORIGINS
    parts: Mapping[Constant, Value] | None = None
    function: Function | None = None
    others: tuple[Value, ...] = ()
    # Nothing ever changes one. It is not frozen because a scan makes millions, and a frozen one
    # takes three times as long to make.

    @property
    def text(self) -> str:
        """The constant as text with holes, HOLE when nothing is known."""
        if isinstance(self.const, str):
            return self.const
        if isinstance(self.const, bytes):
            return self.const.decode("latin-1")
        return HOLE if self.const is None else str(self.const)

    @property
    def known(self) -> Constant | None:
        """The constant if all of it is known."""
        return None if self.is_partial else self.const


UNKNOWN = Value()
_MAX_REMEMBERED_CHARS = 200
_MAX_OTHERS = 12
_MIN_COMMAND_CHARS = 8


def named(ref: str) -> Value:
    """What is known by its qualified name alone."""
    # Half of all values are one of a few: a value that exists costs a fifth of a new one.
    return _named(ref) if len(ref) <= _MAX_REMEMBERED_CHARS else Value(ref=ref)


@functools.lru_cache(maxsize=4_096)
def _named(ref: str) -> Value:
    return Value(ref=ref)


@functools.lru_cache(maxsize=512)
def of_origins(origins: Origins) -> Value:
    """What is known by nothing but where it came from."""
    return Value(origins=origins) if origins else UNKNOWN


class Scope:
    """The names of one module, class body or call. ``outer_names`` are declared nonlocal;
    ``changes`` counts how often a name of a call was set."""

    __slots__ = (
        "__weakref__",
        "changes",
        "global_names",
        "globals",
        "is_class",
        "module",
        "names",
        "outer_names",
        "parent",
        "star_imports",
    )

    def __init__(self, *, module: str, parent: Scope | None = None, is_class: bool = False) -> None:
        self.is_class = is_class
        self.changes = 0
        self.module = module
        self.names: dict[str, Value] = {}
        self.parent = parent
        self.globals: Scope = parent.globals if parent else self
        self.star_imports: list[str] = []
        self.global_names: set[str] = set()
        self.outer_names: set[str] = set()

    @property
    def lexical(self) -> Scope:
        """The scope that a function defined here looks names up in: never a class body."""
        return self.parent if self.is_class and self.parent is not None else self

    def holder_of(self, name: str) -> Scope:
        """The scope that an assignment to a name means."""
        if name in self.global_names:
            return self.globals
        scope: Scope | None = self.parent if name in self.outer_names else None
        while scope is not None:
            if name in scope.names and not scope.is_class:
                return scope
            scope = scope.parent
        return self

    def holding(self, name: str) -> Scope:
        """The scope whose value a name means, to change that value: itself if none has it."""
        scope: Scope | None = self
        while scope is not None:
            if scope.names.get(name) is not None:
                return scope
            scope = scope.parent
        return self

    @property
    def state(self) -> tuple[int, ...]:
        """What differs once a name of an enclosing call was set again."""
        states: list[int] = []
        scope = self
        while scope.parent is not None:
            states.append(scope.changes)
            scope = scope.parent
        return tuple(states)

    def find(self, name: str) -> Value | None:
        scope: Scope | None = self
        while scope is not None:
            found = scope.names.get(name)
            if found is not None:
                return found
            scope = scope.parent
        return None


FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(slots=True, kw_only=True, eq=False)
class Function:
    """A function, method or class that the distribution itself defines. As with ``Value``, nothing
    changes one but for its ``attributes``.

    ``path`` is the file it stands in. A class has its body's ``scope`` as ``members``;
    ``receiver`` is what a method is bound to.
    """

    node: FunctionNode | ast.ClassDef
    path: str
    scope: Scope
    members: Scope | None = None
    bases: tuple[Value, ...] = ()
    receiver: Value | None = None
    attributes: dict[str, Value] = field(default_factory=dict)

    @property
    def is_class(self) -> bool:
        return isinstance(self.node, ast.ClassDef)

    @property
    def name(self) -> str:
        return "<lambda>" if isinstance(self.node, ast.Lambda) else self.node.name


def join_origins(*values: Value) -> Origins:
    origins = NO_ORIGINS
    for value in values:
        if value.origins:
            origins = origins | value.origins if origins else value.origins
    return origins


def is_same(old: Value | None, new: Value) -> bool:
    """Whether a name that was bound to ``old`` means nothing else now; no for what would take long
    to tell."""
    if old is new:
        return True
    if old is None or old.function is not new.function or old.ref != new.ref:
        return False
    if old.parts is not new.parts and (old.parts is None or old.parts or new.parts):
        return False
    if old.others is not new.others and len(old.others) != len(new.others):
        return False
    return (
        type(old.const) is type(new.const)
        and old.const == new.const
        and old.is_partial == new.is_partial
        and old.origins == new.origins
    )


def join(old: Value | None, new: Value) -> Value:
    """What is known when either assignment may have happened: the newer facts first."""
    if old is None or old is UNKNOWN or old is new:
        return new
    if new is UNKNOWN:
        return old
    # An old constant stays only beside a new value of which nothing at all is known.
    keeps_const = new.const is None and not (
        new.origins or new.ref or new.function or new.parts is not None
    )
    return Value(
        const=old.const if keeps_const else new.const,
        is_partial=old.is_partial if keeps_const else new.is_partial,
        ref=new.ref or old.ref,
        origins=join_origins(old, new),
        parts=new.parts if new.parts is not None else old.parts,
        function=new.function or old.function,
        others=_others(old, new, keeps_const=keeps_const),
    )


def _others(old: Value, new: Value, *, keeps_const: bool) -> tuple[Value, ...]:
    """What a join would lose of the older facts, and what either had."""
    lost: list[Value] = []
    if old.function is not None and new.function is not None and old.function is not new.function:
        lost.append(Value(function=old.function))
    if old.ref and new.ref and old.ref != new.ref:
        lost.append(named(old.ref))
    if (
        not keeps_const
        and isinstance(old.const, (str, bytes))
        and len(old.const) >= _MIN_COMMAND_CHARS
        and old.const != new.const
    ):
        lost.append(Value(const=old.const, is_partial=old.is_partial, origins=old.origins))
    if not lost and (not new.others or new.others is old.others):
        return old.others
    others: dict[object, Value] = {}
    for other in (*old.others, *new.others, *lost):
        others.setdefault(_identity(other), other)
    return tuple(others.values())[-_MAX_OTHERS:]


def _identity(value: Value) -> object:
    return value.function.node if value.function is not None else value.ref or value.const
