"""Module memory: the modules that were run lately, for those that import them.

Oldest first they are forgotten, so that a distribution of any size is read in bounded memory.
"""

from __future__ import annotations

import gc
from collections import OrderedDict

from safe_pip.extractors.forgetting import forget
from safe_pip.extractors.outlines import Outline
from safe_pip.extractors.values import Scope

MAX_REMEMBERED_CHARS = 3 << 20
MAX_DROPPED_CHARS = 1 << 20
# Objects of the kind that may be part of a cycle: about 150 bytes each, with what they hold.
MAX_LIVE_OBJECTS = 1_900_000
MIN_SWEPT_OBJECTS = 400_000


class ModuleMemory:
    """The scopes of modules by path, each with the characters of text that it stands for."""

    def __init__(self) -> None:
        self._scopes: OrderedDict[str, tuple[Scope, int]] = OrderedDict()
        self._n_chars = 0
        self._dropped: list[Scope] = []
        self._n_dropped_chars = 0
        self._n_survivors = 0

    def get(self, path: str) -> Scope | None:
        held = self._scopes.get(path)
        return None if held is None else held[0]

    def remember(self, path: str, scope: Scope, n_chars: int) -> None:
        held = self._scopes.pop(path, None)
        if held is not None:
            self._drop(*held)
        self._scopes[path] = (scope, n_chars)
        self._n_chars += n_chars
        while self._n_chars > MAX_REMEMBERED_CHARS and len(self._scopes) > 1:
            _, oldest = self._scopes.popitem(last=False)
            self._drop(*oldest)

    def _drop(self, scope: Scope, n_chars: int) -> None:
        self._n_chars -= n_chars
        self._dropped.append(scope)
        self._n_dropped_chars += n_chars
        if isinstance(scope.names, Outline):
            scope.names.close()

    def forget_dropped(self) -> None:
        """Frees modules that are remembered no more, with their trees, when there are many. Only
        while nothing runs."""
        if self._n_dropped_chars > MAX_DROPPED_CHARS:
            self._dropped = forget(
                self._dropped, kept=[scope for scope, _ in self._scopes.values()]
            )
            self._n_dropped_chars = 0

    def forget_all(self) -> None:
        forget([*self._dropped, *(scope for scope, _ in self._scopes.values())], kept=[])
        self._dropped.clear()
        self._scopes.clear()

    def sweep(self) -> None:
        """Frees what only its own cycles keep alive and nothing else has freed, when much has
        grown since the last time: a sweep walks all that lives."""
        n_new = gc.get_count()[0]
        if n_new > max(MAX_LIVE_OBJECTS - self._n_survivors, MIN_SWEPT_OBJECTS):
            n_freed = gc.collect()
            self._n_survivors = max(self._n_survivors + n_new - n_freed, 0)
