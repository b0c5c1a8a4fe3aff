"""Implicit calls: what Python calls though no call of it is written.

An operator, an attribute, a loop, a conversion, an import: each may call a method or a function
that the distribution defines. Which one is called when is not followed; where one acts, it counts
as called as soon as there is an instance, a class or a module through which Python comes to it.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from safe_pip.extractors.arguments import NO_ARGUMENTS, Arguments
from safe_pip.extractors.containers import constant_items
from safe_pip.extractors.statements import Statements
from safe_pip.extractors.values import UNKNOWN, Function, Value

_INITIALISERS = ("__new__", "__init__", "__post_init__", "__call__")
_REDUCERS = ("__reduce__", "__reduce_ex__")
_CLASS_HOOKS = ("__class_getitem__", "__subclasshook__")
_MODULE_HOOKS = ("__getattr__", "__dir__")
_ACCESSORS = frozenset(("setter", "deleter"))


class ImplicitCalls(Statements):
    """Runs methods that are called by what an instance, a class or a module is used for."""

    def instantiate(self, function: Function, arguments: Arguments) -> Value:
        for name, value in _fields(function, arguments):
            self.set_attribute(function, name, value)
        for name in _INITIALISERS:
            method = self._member(function, name)
            if method is not None and method.function is not None:
                self.invoke(method.function, arguments)
        if any(base.ref.endswith((".Thread", ".Process")) for base in function.bases):
            self.run_members(function, ("run",))
        self.run_members(function, self._acting_methods(function))
        for name in _REDUCERS:
            self._rebuild(function, name)
        refs = [f"{base.ref}()" for base in function.bases if base.ref and not base.function]
        return Value(function=function, ref=refs[0] if refs else "")

    def _rebuild(self, function: Function, name: str) -> None:
        """What copies or unpickles an instance calls what ``__reduce__`` returns."""
        method = self._member(function, name)
        if method is not None and method.function is not None:
            parts = self.invoke(method.function, NO_ARGUMENTS).parts or {}
            given = tuple(constant_items(parts.get(1, UNKNOWN)) or ())
            call = ast.Call(func=ast.Name(id=name), args=[], keywords=[])
            node = ast.copy_location(call, method.function.node)
            self.hand_over(parts.get(0, UNKNOWN), Arguments(positional=given), node)

    def see_class(self, function: Function) -> None:
        self.run_members(function, [hook for hook in _CLASS_HOOKS if self._has(function, hook)])

    def see_attribute(self, value: Value) -> Value:
        """What an attribute gives: of a property, what its method returns."""
        function = value.function
        if function is None or not _is_property(function):
            return value
        return self.invoke(function, NO_ARGUMENTS)

    def run_module_hooks(self) -> None:
        """Runs what answers for the module's attributes (PEP 562): ``from it import x`` asks."""
        for name in _MODULE_HOOKS:
            value = self.scope.names.get(name)
            if value is not None and value.function is not None and not value.function.is_class:
                function = value.function
                if function.node not in self._called and self._body_acts(function):
                    self.invoke(function, NO_ARGUMENTS)

    def _acting_methods(self, function: Function) -> list[str]:
        known = self._acting_names.get(function.node)
        if known is None:
            members = function.members.names if function.members is not None else {}
            known = [
                name
                for name, value in members.items()
                if value.function is not None
                and not value.function.is_class
                and name not in _INITIALISERS
                and (_is_special(name) or _is_accessor(value.function))
                and self._body_acts(value.function)
            ]
            for base in function.bases:
                if base.function is not None and base.function is not function:
                    known += self._acting_methods(base.function)
            # On a ladder of classes, each way down would count them once more.
            known = list(dict.fromkeys(known))
            self._acting_names[function.node] = known
        return known

    def _has(self, function: Function, name: str) -> bool:
        value = function.members.names.get(name) if function.members is not None else None
        return value is not None and value.function is not None and self._body_acts(value.function)

    def run_members(self, function: Function, names: Sequence[str]) -> None:
        for name in names:
            method = self._member(function, name)
            if method is not None and method.function is not None:
                self.invoke(method.function, NO_ARGUMENTS)


def _fields(function: Function, arguments: Arguments) -> list[tuple[str, Value]]:
    """What a dataclass or a typed named tuple keeps of what it is made with."""
    node = function.node
    if not isinstance(node, ast.ClassDef) or not arguments.all or not _keeps_fields(function, node):
        return []
    targets = [item.target for item in node.body if isinstance(item, ast.AnnAssign)]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return [*zip(names, arguments.positional, strict=False), *arguments.keywords.items()]


def _keeps_fields(function: Function, node: ast.ClassDef) -> bool:
    if any(base.ref.endswith(".NamedTuple") for base in function.bases):
        return True
    for decorator in node.decorator_list:
        match decorator.func if isinstance(decorator, ast.Call) else decorator:
            case ast.Name(id="dataclass" | "define") | ast.Attribute(attr="dataclass" | "define"):
                return True
    return False


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _is_accessor(function: Function) -> bool:
    decorators = getattr(function.node, "decorator_list", ())
    return any(isinstance(d, ast.Attribute) and d.attr in _ACCESSORS for d in decorators)


def _is_property(function: Function) -> bool:
    for decorator in getattr(function.node, "decorator_list", ()):
        match decorator:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                if name in _ACCESSORS or name.endswith("property"):
                    return True
    return False
