"""Arguments: what a call is given, and what that says of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from safe_pip.extractors.containers import constant_items
from safe_pip.extractors.folding import MAX_CONSTANT_LENGTH, joined
from safe_pip.extractors.values import (
    HOLE,
    NO_ORIGINS,
    UNKNOWN,
    Constant,
    Origins,
    Value,
)

_MAX_NAMED_NODES = 80
_FORMAT_FIELD = re.compile(r"\{(\w*)[^{}]*\}")


@dataclass(slots=True, kw_only=True)
class Arguments:
    """The evaluated arguments of one call. As with ``Value``, nothing changes one."""

    positional: tuple[Value, ...] = ()
    keywords: Mapping[str, Value] = field(default_factory=dict)

    def get(self, position: int, keyword: str = "") -> Value:
        if position < len(self.positional):
            return self.positional[position]
        return self.keywords.get(keyword, UNKNOWN)

    @property
    def all(self) -> tuple[Value, ...]:
        return (*self.positional, *self.keywords.values())

    @property
    def origins(self) -> Origins:
        origins = NO_ORIGINS
        for value in self.positional:
            if value.origins:
                origins = origins | value.origins if origins else value.origins
        for value in self.keywords.values():
            if value.origins:
                origins = origins | value.origins if origins else value.origins
        return origins

    def constants(self) -> tuple[list[Constant], dict[str, Constant]] | None:
        """All arguments, if all of them are known."""
        positional: list[Constant] = []
        for value in self.positional:
            if value.const is None or value.is_partial:
                return None
            positional.append(value.const)
        keywords: dict[str, Constant] = {}
        for name, value in self.keywords.items():
            if value.const is None or value.is_partial:
                return None
            keywords[name] = value.const
        return positional, keywords


NO_ARGUMENTS = Arguments()


def command_text(arguments: Arguments) -> str:
    """The command line as text: a string, or the words of a list joined."""
    named = (arguments.get(0, name) for name in ("args", "command", "cmd", "argv"))
    command = next((value for value in named if value is not UNKNOWN), UNKNOWN)
    if command.const is not None and not isinstance(command.const, tuple):
        words = [command.text]
    else:
        words = [item.text for item in constant_items(command) or ()]
        if command.parts is not None and not words:
            words = [part.text for part in command.parts.values()]
    words.extend(value.text for value in arguments.positional[1:] if isinstance(value.const, str))
    for value in arguments.positional[1:]:
        if not isinstance(value.const, (str, bytes)):
            words.extend(item.text for item in constant_items(value) or ())
    return joined(words, " ")


def has_url(arguments: Arguments) -> bool:
    for value in arguments.positional[:2]:
        # Numbers and tuples begin with what no address begins with.
        if isinstance(value.const, (str, bytes)):
            text = value.text
            if "://" in text and _URL_FIRST.match(text):
                return True
    if not arguments.keywords:
        return False
    named = arguments.keywords.get("url", UNKNOWN)
    return named.const is not None and "://" in named.text


# Not "{https://…}name", which is how XML names things.
_URL_FIRST = re.compile(r"\s*(?:\{\})?[a-z0-9]*://|\s*\{\}[^{]*://")


def fill_format(template: str, arguments: Arguments) -> str:
    automatic = iter(arguments.positional)

    def fill(match: re.Match[str]) -> str:
        name = match.group(1)
        if not name:
            return next(automatic, UNKNOWN).text
        if name.isdigit():
            return arguments.get(int(name)).text if len(name) < 4 else HOLE
        return arguments.keywords.get(name, UNKNOWN).text

    # One value may fill every field.
    longest = max((len(value.text) for value in arguments.all), default=0)
    if len(template) + template.count("{") * longest > MAX_CONSTANT_LENGTH:
        return HOLE
    return _FORMAT_FIELD.sub(fill, template)


def written_name(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def names_in(node: ast.Call) -> frozenset[str]:
    """The variables, attributes and short strings in a call's arguments."""
    found: set[str] = set()
    nodes: list[ast.AST] = [*node.args, *(keyword.value for keyword in node.keywords)]
    if isinstance(node.func, ast.Attribute):
        nodes.append(node.func.value)
    for _ in range(_MAX_NAMED_NODES):
        if not nodes:
            break
        item = nodes.pop()
        if isinstance(item, ast.Name):
            found.add(item.id)
            nodes.append(item.ctx)
        elif isinstance(item, ast.Attribute):
            found.add(item.attr)
            nodes += (item.value, item.ctx)
        elif isinstance(item, ast.Constant):
            if isinstance(item.value, str) and 2 < len(item.value) < 200:
                found.add(item.value)
        elif item._fields:
            nodes.extend(ast.iter_child_nodes(item))
    return frozenset(found)
