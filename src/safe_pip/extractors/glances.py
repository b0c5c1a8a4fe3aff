"""Glances: code at the places where Python evaluates an expression and honest code computes none.

An annotation, a default, the type that ``except`` names, a bound of a type parameter: to follow
all of them costs time and says nothing, so they are followed where a call in them acts. Whether a
Python evaluates an annotation at once or when somebody asks for it (PEP 649) makes no difference.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from safe_pip.extractors.calls import Calls
from safe_pip.extractors.capabilities import SINKS, UNREMARKABLE_ACTIONS, Action, canonical
from safe_pip.extractors.outlines import Outline
from safe_pip.extractors.parsing import parse
from safe_pip.extractors.values import Function, FunctionNode, Scope, Value

_CONTEXT = UNREMARKABLE_ACTIONS | {Action.DECODE, Action.DEBUG_CHECK, Action.LOGIN, Action.TOUCH}
_ACTING = frozenset(
    name for name, sinks in SINKS.items() if any(sink.action not in _CONTEXT for sink in sinks)
) | {"builtins.__import__"}
_ACTING_MODULES = frozenset(name.rpartition(".")[0] for name in _ACTING)
_ACTING_WORDS = frozenset(name.rpartition(".")[2] for name in _ACTING)
_MAX_BODIES = 1_000
GLANCE_FUEL_PER_UNIT = 1_000_000


class Glances(Calls):
    """Evaluates what stands at such a place, if it acts."""

    def __init__(self) -> None:
        super().__init__()
        self._acting: dict[ast.AST, bool] = {}
        self._acting_names: dict[ast.AST, list[str]] = {}
        self._glance_fuel = GLANCE_FUEL_PER_UNIT

    def glance(self, node: ast.expr | None, scope: Scope) -> None:
        if node is None or type(node) is ast.Name:
            return
        if self._holds_acting_call(node, scope):
            self.evaluate(node, scope)

    def glance_at_annotation(self, node: ast.expr | None, scope: Scope) -> None:
        """As ``glance``; what stands in quotes is code as well (``typing.get_type_hints``)."""
        if node is None or type(node) is ast.Name:
            return
        if not isinstance(node, ast.Constant):
            self.glance(node, scope)
        elif isinstance(node.value, str) and "(" in node.value:
            self._glance_fuel -= len(node.value)
            tree = None if self._glance_fuel < 0 else parse(node.value.strip()).tree
            if self._glance_fuel < 0 or (tree and self._holds_acting_call(tree, scope)):
                self.run_text(Value(const=node.value), node, scope)

    def glance_at_signature(self, node: FunctionNode, scope: Scope) -> None:
        """What is evaluated where a function is made, other than its decorators."""
        spec = node.args
        for default in (*spec.defaults, *spec.kw_defaults):
            self.glance(default, scope)
        if isinstance(node, ast.Lambda):
            return
        for parameter in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg, spec.kwarg):
            if parameter is not None:
                self.glance_at_annotation(parameter.annotation, scope)
        self.glance_at_annotation(node.returns, scope)
        self.glance_at_type_parameters(node, scope)

    def glance_at_type_parameters(self, node: ast.AST, scope: Scope) -> None:
        parameters: Iterable[ast.AST] = getattr(node, "type_params", ())  # since 3.12
        for parameter in parameters:
            self.glance(getattr(parameter, "bound", None), scope)
            self.glance(getattr(parameter, "default_value", None), scope)  # since 3.13

    def _holds_acting_call(self, node: ast.AST, scope: Scope) -> bool:
        """Whether a call in a tree acts; also when too much was looked at to look on."""
        fuel = self.fuel
        nodes = [node]
        while nodes:
            item = nodes.pop()
            self._glance_fuel -= 1
            if self._glance_fuel < 0 or (isinstance(item, ast.Call) and self._acts(item, scope)):
                return True
            match item:
                case ast.Constant() | ast.Name():
                    pass
                case ast.Attribute():
                    nodes.append(item.value)
                case ast.Subscript():
                    nodes += (item.value, item.slice)
                case ast.Tuple():
                    nodes += item.elts
                case ast.Import() | ast.ImportFrom() if _imports_what_acts(item):
                    return True
                case _:
                    nodes.extend(ast.iter_child_nodes(item))
        # Where nothing acts, looking must not use up what following the rest needs.
        self.fuel = fuel
        return False

    def _acts(self, call: ast.Call, scope: Scope) -> bool:
        root = call.func
        while isinstance(root, ast.Attribute):
            root = root.value
        match root:
            case ast.Name():
                callee = self.evaluate(call.func, scope)
                if callee.function is not None:
                    return self._body_acts(callee.function)
                return canonical(callee.ref) in _ACTING
            case ast.Call() | ast.Subscript() if isinstance(call.func, ast.Attribute):
                return call.func.attr in _ACTING_WORDS
            case ast.Constant() | ast.JoinedStr() | ast.List() | ast.Tuple() | ast.Dict():
                return False
        return True

    def _body_acts(self, function: Function) -> bool:
        """Whether a function or class of the distribution holds a call that acts."""
        if isinstance(function.scope.globals.names, Outline):
            # It would have earned a tree.
            return False
        known = self._acting.get(function.node)
        if known is None:
            self._acting[function.node] = known = False  # until it is known: it may call itself
            is_much = len(self._acting) > _MAX_BODIES
            known = is_much or self._holds_acting_call(function.node, function.scope)
            self._acting[function.node] = known
        return known


def _imports_what_acts(node: ast.Import | ast.ImportFrom) -> bool:
    """Whether a body imports what acts, under a name that only the body knows."""
    module = (node.module or "") + "." if isinstance(node, ast.ImportFrom) else ""
    names = [canonical(f"{module}{alias.name}") for alias in node.names]
    return any(name in _ACTING or name in _ACTING_MODULES for name in names)
