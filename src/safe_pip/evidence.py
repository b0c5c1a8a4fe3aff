"""Evidence: one observed fact about a distribution, and its place."""

from __future__ import annotations

import enum
from dataclasses import dataclass

MAX_EXCERPT_CHARS = 200


class Surface(enum.Enum):
    """Where in a distribution's life a piece of code runs.

    All but OTHER run without the user calling anything: at install, at interpreter start or at
    import. The values are phrases for people ("runs while installing").
    """

    SETUP = "runs while installing"
    COMMAND_CLASS = "runs in an install command"
    BUILD_BACKEND = "runs while building"
    STARTUP = "runs at every interpreter start"
    INIT = "runs when the package is imported"
    MODULE = "runs when the module is imported"
    ENTRY_POINT = "runs as a command"
    OTHER = "runs when called"

    @property
    def runs_unasked(self) -> bool:
        return self not in (Surface.OTHER, Surface.ENTRY_POINT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place in a distribution. ``line`` counts from 1; 0 is the file as a whole; an empty
    ``path`` is the distribution as a whole."""

    path: str
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One observation of one feature at one place.

    ``value`` is what is folded into the feature (1 for "seen"; else in the feature's unit).
    ``excerpt`` is hostile text, at most MAX_EXCERPT_CHARS, escaped only when displayed.
    ``detail`` is our own words, such as "decodes a string and executes it".
    """

    feature: str
    location: Location
    value: float = 1.0
    surface: Surface = Surface.OTHER
    excerpt: str = ""
    detail: str = ""
