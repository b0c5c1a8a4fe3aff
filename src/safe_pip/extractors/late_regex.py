"""Regular expressions that are compiled when they are first used."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # What ``late_regex`` gives does all that a pattern does.
    late_regex = re.compile
else:

    class _LateRegex:
        """Becomes its pattern at the first look at it, attribute by attribute."""

        def __init__(self, text: Any, flags: int) -> None:
            self._asked = (text, flags)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__") or name == "_compiled":
                raise AttributeError(name)
            compiled = self.__dict__.get("_compiled")
            if compiled is None:
                compiled = self.__dict__["_compiled"] = re.compile(*self._asked)
            # Kept, so that a second search costs what one of a pattern does.
            attribute = self.__dict__[name] = getattr(compiled, name)
            return attribute

    def late_regex(text: str | bytes, flags: int = 0) -> _LateRegex:
        """A pattern as ``re.compile`` gives it, but compiled at its first use.

        Most artifacts need few of the extractors' patterns, and compiling all of them takes a
        tenth of a worker's start.
        """
        return _LateRegex(text, flags)
