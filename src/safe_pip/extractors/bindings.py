"""Bindings: what an assignment, a pattern or an import makes a name mean."""

from __future__ import annotations

import ast
from abc import abstractmethod

from safe_pip.extractors.capabilities import canonical
from safe_pip.extractors.containers import constant_items, element_of
from safe_pip.extractors.glances import Glances
from safe_pip.extractors.lookups import NAMESPACES, module_within
from safe_pip.extractors.values import (
    HOLE,
    UNKNOWN,
    Constant,
    Function,
    Scope,
    Value,
    is_same,
    join,
    named,
)

_bound = dict.get


class Bindings(Glances):
    """Binds names; within a branch they mean what they meant before as well."""

    def __init__(self) -> None:
        super().__init__()
        self.set_variables: set[str] = set()
        self._branch_depth = 0

    @abstractmethod
    def see_patch(self, owner: str, function: Function) -> None:
        """Something named ``owner`` gets the function as an attribute."""

    def assign(self, target: ast.expr, value: Value, scope: Scope) -> None:
        if type(target) is ast.Name:
            self._set(target.id, value, scope)
            return
        match target:
            case ast.Attribute(value=owner_node, attr=name):
                owner = self.evaluate(owner_node, scope)
                if value.function is not None and owner.function is None and owner.ref:
                    self.see_patch(owner.ref, value.function)
                if value.ref and owner.function is None:
                    self.see_handed(value, target)
                if owner.function is not None:
                    self.set_attribute(owner.function, name, value)
                elif owner.ref == "builtins" and self.look_up(name, scope) is UNKNOWN:
                    scope.globals.names.setdefault(name, value)
                elif isinstance(owner_node, ast.Name) and owner.parts is None and owner.ref:
                    parts: dict[Constant, Value] = {name: value}
                    self._set(owner_node.id, Value(ref=owner.ref, parts=parts), scope)
            case ast.Subscript(value=owner_node):
                self._assign_item(target, owner_node, value, scope)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                self._unpack(targets, value, scope)
            case ast.Starred(value=inner):
                self.assign(inner, value, scope)

    def _assign_item(
        self, target: ast.Subscript, owner_node: ast.expr, value: Value, scope: Scope
    ) -> None:
        owner = self.evaluate(owner_node, scope)
        key = self.evaluate(target.slice, scope)
        if owner.ref == "os.environ" and key.known is not None:
            self.set_variables.add(key.text)
            self.set_variable(key.text, value)
        if owner.ref and isinstance(key.known, str) and canonical(owner.ref) in NAMESPACES:
            self._set(key.known, value, scope.globals)
        if not isinstance(owner_node, (ast.Name, ast.Attribute)) or owner.ref:
            return
        parts = dict(owner.parts or {})
        if len(parts) < 256:
            parts[HOLE if key.known is None else key.known] = value
        origins = owner.origins | value.origins | key.origins
        holder = scope.holding(owner_node.id) if isinstance(owner_node, ast.Name) else scope
        self.assign(owner_node, Value(parts=parts, origins=origins), holder)

    def _unpack(self, targets: list[ast.expr], value: Value, scope: Scope) -> None:
        items = constant_items(value)
        for position, target in enumerate(targets):
            if items is not None and position < len(items):
                self.assign(target, items[position], scope)
            else:
                self.assign(target, element_of(value), scope)

    def _set(self, name: str, value: Value, scope: Scope) -> None:
        if scope.global_names or scope.outer_names:
            scope = scope.holder_of(name)
        names = scope.names
        # Of an outline: what is bound so far, without reading on.
        bound = _bound(names, name)
        if self._branch_depth and bound is not None:
            value = join(bound, value)
        if not is_same(bound, value):
            if scope.is_class or scope.parent is None:
                self.changes += 1
            else:
                scope.changes += 1
        names[name] = value

    def _bind_pattern(self, pattern: ast.pattern, value: Value, scope: Scope) -> None:
        match pattern:
            case ast.MatchAs(pattern=inner, name=name):
                if name is not None:
                    self._set(name, value, scope)
                if inner is not None:
                    self._bind_pattern(inner, value, scope)
            case ast.MatchMapping(keys=keys, patterns=patterns):
                for key, inner in zip(keys, patterns, strict=True):
                    item = self.item(value, self.evaluate(key, scope), scope, key)
                    self._bind_pattern(inner, item, scope)
            case ast.MatchSequence(patterns=patterns) | ast.MatchOr(patterns=patterns):
                items = constant_items(value) if isinstance(pattern, ast.MatchSequence) else None
                for position, inner in enumerate(patterns):
                    is_known = items is not None and position < len(items)
                    item = items[position] if items and is_known else element_of(value)
                    self._bind_pattern(inner, item, scope)
            case ast.MatchClass(
                cls=owner, patterns=patterns, kwd_attrs=attributes, kwd_patterns=others
            ):
                if value.function is not None:
                    by_place = self._member(value.function, "__match_args__") or UNKNOWN
                    for item in constant_items(by_place) or ():
                        self.read_attribute(value, item.text, owner)
                for inner in patterns:
                    self._bind_pattern(inner, element_of(value), scope)
                for attribute, inner in zip(attributes, others, strict=True):
                    self._bind_pattern(inner, self.read_attribute(value, attribute, owner), scope)
            case ast.MatchStar(name=str(name)):
                self._set(name, value, scope)

    def _import_statement(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            module = self.import_module(alias.name)
            if alias.asname is not None:
                self._set(alias.asname, module, scope)
            elif "." not in alias.name:
                self._set(alias.name, module, scope)
            else:
                self._set_submodule(alias.name, module, scope)

    def _set_submodule(self, name: str, module: Value, scope: Scope) -> None:
        """``import a.b.c`` binds ``a``, through which ``a.b.c`` is reached from then on."""
        first, *others = name.split(".")
        value = Value(ref=first)
        if module.parts is not None:
            known = scope.names.get(first, UNKNOWN)
            value = module
            for position in range(len(others), 0, -1):
                part: dict[Constant, Value] = {others[position - 1]: value}
                value = Value(ref=".".join((first, *others[: position - 1])), parts=part)
            if known.ref == first and known.parts is not None:
                value = Value(ref=first, parts={**known.parts, **(value.parts or {})})
        self._set(first, value, scope)

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        name = absolute_name(self.path, node.module or "", node.level)
        module = self.import_module(name)
        for alias in node.names:
            if alias.name == "*":
                scope.globals.star_imports.append(name)
                for key, value in list((module.parts or {}).items()):
                    if not self.is_of_library(f"{name}.{key!s}"):
                        self._set(str(key), value, scope)
                continue
            value = UNKNOWN
            if self.is_of_library(f"{name}.{alias.name}"):
                value = Value(ref=f"{name}.{alias.name}")
            elif module.parts is not None and alias.name in module.parts:
                value = module.parts[alias.name]
            elif module.parts is not None or node.level:
                value = self.import_module(f"{name}.{alias.name}")
            if value is UNKNOWN:
                value = module_within(name, alias.name) or named(f"{name}.{alias.name}")
            if value.ref == "typing.TYPE_CHECKING":
                value = Value(const=0)
            self._set(alias.asname or alias.name, value, scope)


def absolute_name(path: str, module: str, level: int) -> str:
    """The absolute dotted name that a ``from`` import in the file means."""
    if level == 0:
        return module
    folders = path.split("/")[:-1]
    kept = folders[: len(folders) - level + 1]
    return ".".join((*kept, module) if module else kept)
