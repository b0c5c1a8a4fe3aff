"""Forgetting: takes apart what only its own cycles keep alive.

A function holds the scope that it stands in, and that scope holds the function, so no module is
ever freed by counting references. The garbage collector finds such cycles only by walking every
node of every syntax tree that lives; here only scopes, functions and values are walked, of which
there are a hundred times fewer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from safe_pip.extractors.values import Function, Scope, Value


def forget(dropped: Iterable[Scope], *, kept: Iterable[Scope]) -> list[Scope]:
    """Empties what can be reached from dropped scopes and from no kept one; gives the dropped
    scopes that are still reached.

    Only while nothing runs: what a running program holds besides scopes is not seen here.
    """
    reached: set[int] = set()
    for _ in _reachable(kept, reached):
        pass
    # A module that was imported may be reached by its names alone.
    still: list[Scope] = []
    garbage: list[Scope] = []
    for scope in dropped:
        is_reached = id(scope) in reached or id(scope.names) in reached
        (still if is_reached else garbage).append(scope)
    for item in list(_reachable(garbage, reached)):
        if isinstance(item, Scope):
            item.names.clear()
        else:
            item.attributes.clear()
    return still


def _reachable(roots: Iterable[Scope], reached: set[int]) -> Iterator[Scope | Function]:
    """Every scope and function that roots lead to and that was not reached before; ``reached``
    gets the identities of these and of the mappings that hold values."""
    pending: list[Scope | Function] = list(roots)
    while pending:
        item = pending.pop()
        if id(item) in reached:
            continue
        reached.add(id(item))
        if isinstance(item, Scope):
            pending.append(item.globals)
            if item.parent is not None:
                pending.append(item.parent)
            if id(item.names) not in reached:
                reached.add(id(item.names))
                pending.extend(_held(item.names.values(), reached))
        else:
            pending.append(item.scope)
            if item.members is not None:
                pending.append(item.members)
            pending.extend(_held(item.bases, reached))
            pending.extend(_held(item.attributes.values(), reached))
            if item.receiver is not None:
                pending.extend(_held((item.receiver,), reached))
        yield item


def _held(values: Iterable[Value], reached: set[int]) -> Iterator[Function]:
    """The functions that values are or contain."""
    pending = [values]
    while pending:
        for value in pending.pop():
            if value.function is not None:
                yield value.function
            if value.parts is not None and id(value.parts) not in reached:
                reached.add(id(value.parts))
                pending.append(value.parts.values())
