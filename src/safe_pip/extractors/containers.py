"""Containers: lists, tuples, dicts and formatted text of partly known elements."""

from __future__ import annotations

from collections.abc import Iterable

from safe_pip.extractors.folding import joined
from safe_pip.extractors.values import FILE, HOLE, UNKNOWN, Value, join, join_origins

_MAX_ELEMENTS = 100_000


def sequence(values: list[Value]) -> Value:
    """A list, tuple or set: a constant when every element is one."""
    constants = [None if value.is_partial else value.const for value in values]
    origins = join_origins(*values)
    if None not in constants:
        return Value(const=tuple(constants), origins=origins)  # type: ignore[arg-type]
    return Value(parts=dict(enumerate(values)), origins=origins)


def concatenated(left: Value, right: Value) -> Value:
    values = [*_elements(left), *_elements(right)]
    if len(values) > _MAX_ELEMENTS:
        # A list that is added to itself doubles.
        return Value(origins=join_origins(left, right))
    return sequence(values)


def _elements(value: Value) -> Iterable[Value]:
    items = constant_items(value)
    if items is not None:
        return items
    return value.parts.values() if value.parts is not None else (value,)


def constant_items(value: Value) -> list[Value] | None:
    """The elements of a constant container or string, or None when they are not all known."""
    match value.known:
        case str() | bytes() | tuple() as items:
            return [Value(const=item, origins=value.origins) for item in items]
    if value.parts is not None and not value.ref and HOLE not in value.parts:
        is_mapping = any(isinstance(key, str) for key in value.parts)
        if is_mapping:
            return [Value(const=key) for key in value.parts]
        return list(value.parts.values())
    return None


def is_long(container: Value, n_items: int) -> bool:
    """Whether a string or a container has more elements, none of them made for the answer."""
    const = container.known
    if isinstance(const, (str, bytes, tuple)):
        return len(const) > n_items
    return container.parts is not None and len(container.parts) > n_items


def element_of(container: Value) -> Value:
    """Any one element; of a file, any line of it."""
    if container.ref == "builtins.open()":
        return Value(origins=container.origins | FILE, parts=container.parts)
    if container.parts is not None and len(container.parts) <= 64:
        result = UNKNOWN
        for part in container.parts.values():
            result = join(result, part)
        origins = result.origins | container.origins
        return Value(
            const=result.const,
            is_partial=True,
            ref=result.ref,
            origins=origins,
            parts=result.parts,
            function=result.function,
            others=result.others,
        )
    if isinstance(container.const, tuple) and container.const:
        first = container.const[0]
        return Value(const=first, is_partial=True, origins=container.origins)
    if container.ref.endswith("()"):
        return Value(ref=container.ref, origins=container.origins)
    return Value(origins=container.origins) if container.origins else UNKNOWN


def fill_percent(template: str, right: Value) -> str:
    """``template % right`` with holes for what is not known."""
    if isinstance(right.const, str):
        values = [right.const]
    else:
        values = [value.text for value in (constant_items(right) or [])] or [right.text]
    pieces = template.replace("%r", "%s").replace("%d", "%s").split("%s")
    filled = [pieces[0]]
    for number, piece in enumerate(pieces[1:]):
        filled += (values[number] if number < len(values) else HOLE, piece)
    return joined(filled)
