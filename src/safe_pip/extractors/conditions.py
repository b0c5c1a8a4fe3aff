"""Conditions: what a test, a handler or a loop body amounts to, by its form alone."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Mapping

from safe_pip.extractors.events import Mark

MAX_GATE_NODES = 60
_GATE_OF_ATTRIBUTE: Mapping[str, Mark] = {
    "IsDebuggerPresent": Mark.SANDBOX_GATED,
    "environ": Mark.ONCE,
    "exists": Mark.ONCE,
    "getdefaultlocale": Mark.OS_GATED,
    "getenv": Mark.ONCE,
    "gettrace": Mark.SANDBOX_GATED,
    "isfile": Mark.ONCE,
    "name": Mark.OS_GATED,
    "platform": Mark.OS_GATED,
    "system": Mark.OS_GATED,
}
NO_GATES: frozenset[Mark] = frozenset()
MAIN_NAME = "__main__"
_ENDING = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def gates_of(test: ast.expr) -> frozenset[Mark]:
    """What a condition asks about: the system, a marker left by an earlier run."""
    if type(test) is ast.Name:
        return NO_GATES
    gates: set[Mark] = set()
    for node in itertools.islice(ast.walk(test), MAX_GATE_NODES):
        if isinstance(node, ast.Attribute) and node.attr in _GATE_OF_ATTRIBUTE:
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if node.attr != "name" or owner in ("os", "sys"):
                gates.add(_GATE_OF_ATTRIBUTE[node.attr])
    return frozenset(gates)


def is_main_test(test: ast.expr) -> bool:
    """``__name__ == "__main__"``; beside any other name a module may well be imported by it."""
    # Asked of every condition each time that it is run; patterns take twice as long.
    if isinstance(test, ast.Compare):
        if len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq):
            return False
        left, right = test.left, test.comparators[0]
        return (is_own_name(left) and _is_main_name(right)) or (
            _is_main_name(left) and is_own_name(right)
        )
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return any(map(is_main_test, test.values))
    return False


def other_tests(test: ast.expr) -> list[ast.expr]:
    """What a main test asks besides."""
    values = test.values if isinstance(test, ast.BoolOp) else []
    return [value for value in values if not is_main_test(value)]


def is_own_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "__name__"


def _is_main_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == MAIN_NAME


def is_fixed(test: ast.expr) -> bool:
    """A condition that no run can change: a constant, or the flag of type checkers."""
    match test:
        case ast.Constant() | ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
    return False


def is_silent(handler: ast.ExceptHandler) -> bool:
    """``except …: pass`` and its like, but not the guard of an import."""
    if isinstance(handler.type, ast.Name) and handler.type.id in (
        "ImportError",
        "ModuleNotFoundError",
    ):
        return False
    return all(
        isinstance(statement, (ast.Pass, ast.Continue, ast.Break))
        or (
            isinstance(statement, ast.Return)
            and (statement.value is None or isinstance(statement.value, ast.Constant))
        )
        or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        for statement in handler.body
    )


def is_arithmetic(body: list[ast.stmt]) -> bool:
    """A short loop body that only computes, as decoders do."""
    return len(body) <= 8 and not any(
        isinstance(node, (ast.For, ast.While, ast.Import, ast.FunctionDef, ast.ClassDef))
        for statement in body
        for node in ast.walk(statement)
    )


def ends(statement: ast.stmt) -> bool:
    if isinstance(statement, _ENDING):
        return True
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="exit" | "_exit"))):
            return True
        case ast.Expr(value=ast.Call(func=ast.Name(id="exit" | "quit"))):
            return True
    return False
