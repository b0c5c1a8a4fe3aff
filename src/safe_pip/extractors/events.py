"""Events: what code does, in the order in which it would do it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Literal

from safe_pip.evidence import Surface
from safe_pip.extractors.capabilities import Action
from safe_pip.extractors.commands import CommandFact
from safe_pip.extractors.values import NO_ORIGINS, Origins

LiteralKind = Literal[
    "written",    # stands so in the source
    "statement",  # likewise, and nothing uses it: a docstring
    "folded",     # computed from constants
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """How a literal came to be, and on which surface it is evaluated first."""

    kind: LiteralKind
    surface: Surface


class Mark(enum.Enum):
    """How an event is wrapped. The values are phrases for people."""

    ALIASED = "under another name"
    ASSEMBLED = "by a name put together at run time"
    CROSS_FILE = "through another file of the distribution"
    DAEMON = "in a daemon thread"
    DELAYED = "after a delay"
    DETACHED = "detached or with its window hidden"
    HARMLESS = "with content that was read and does nothing of note"
    IN_LOOP = "in a loop"
    LITERAL = "with a constant"
    NESTED = "in code held in a string"
    ONCE = "once only"
    OS_GATED = "on some systems only"
    SENDING = "handing data over"
    SILENT = "hiding every error"
    SANDBOX_GATED = "unless it is being analysed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One effect at one place.

    ``data`` is where the things handed to the call came from, ``address`` where the address of a
    call to the network did; ``text`` is the URL, path, command or code as far as known; ``names``
    the variables and constants in the call, by which a file that is written is known again when
    it is run.
    """

    action: Action
    name: str
    path: str
    line: int
    data: Origins = NO_ORIGINS
    address: Origins = NO_ORIGINS
    text: str = ""
    names: frozenset[str] = frozenset()
    marks: frozenset[Mark] = frozenset()
    facts: frozenset[CommandFact] = frozenset()


@dataclass(slots=True, kw_only=True)
class Stream:
    """What one root of execution does: a top level, an install command, a function."""

    path: str
    surface: Surface
    events: list[Event] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenLookup:
    """A name of a builtin or a module looked up so that a search for it finds nothing."""

    path: str
    line: int
    detail: str
    surface: Surface


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandClass:
    """A class that replaces a command of setup()."""

    command: str
    name: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """All that one unit would do, as far as it can be read."""

    streams: tuple[Stream, ...] = ()
    hidden_lookups: tuple[HiddenLookup, ...] = ()
    command_classes: tuple[CommandClass, ...] = ()
    body_calls: tuple[tuple[int, str], ...] = ()
    executed_members: frozenset[str] = frozenset()
    set_variables: frozenset[str] = frozenset()
