"""Statements: what each of them binds, branches on and runs.

Both branches of a condition are read; a loop over constants is unrolled, any other is read once.
"""

from __future__ import annotations

import ast
from abc import abstractmethod
from collections.abc import Callable, Iterable, Set
from contextlib import suppress
from dataclasses import replace
from typing import Any

from safe_pip.evidence import Surface
from safe_pip.extractors.arguments import Arguments
from safe_pip.extractors.capabilities import SINKS, canonical
from safe_pip.extractors.conditions import (
    NO_GATES,
    ends,
    gates_of,
    is_fixed,
    is_main_test,
    is_silent,
    other_tests,
)
from safe_pip.extractors.events import Mark
from safe_pip.extractors.loops import Loops
from safe_pip.extractors.values import HOLE, UNKNOWN, Constant, Function, Scope, Value, join

MAX_RETRIED_CALLS = 200
_SIMPLE_STATEMENTS = (ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return)


class Statements(Loops):
    """Runs statements; what a call of a function does is left to the subclass."""

    def __init__(self, *, path: str, surface: Surface, fuel: int) -> None:
        super().__init__(path=path, surface=surface)
        self.unit_path = path
        self.surface = surface
        self.fuel = fuel
        self._n_retried_calls = MAX_RETRIED_CALLS
        self.body_calls: list[tuple[int, str]] = []
        self.scope = Scope(module=path)
        self._line_override = 0
        self._depth = 0
        # What an exception carries, while a handler around binds it to a name.
        self._raised = UNKNOWN
        self._is_catching = False
        self._called: set[ast.AST] = set()
        self._gates_of: dict[ast.expr, Set[Mark]] = {}
        self._functions: list[Function] = []
        self._main_blocks: list[tuple[list[ast.stmt], Scope]] = []
        self._by_statement: dict[type[ast.AST], Callable[[Any, Scope], None]] = {
            ast.FunctionDef: self._function,
            ast.AsyncFunctionDef: self._function,
            ast.ClassDef: self._class,
            ast.Return: self._return,
            ast.Assign: self._assign,
            ast.AugAssign: self._augmented,
            ast.AnnAssign: self._annotated,
            ast.For: self._for,
            ast.AsyncFor: self._for,
            ast.While: self._while,
            ast.If: self._if_statement,
            ast.With: self._with,
            ast.AsyncWith: self._with,
            ast.Raise: self._raise,
            ast.Try: self._try,
            ast.Assert: self._assert,
            ast.Import: self._import_statement,
            ast.ImportFrom: self._import_from,
            ast.Expr: self._expression,
            ast.Match: self._match,
            ast.Delete: self._delete_statement,
            ast.Global: lambda node, scope: scope.global_names.update(node.names),
            ast.Nonlocal: lambda node, scope: scope.outer_names.update(node.names),
        }
        if hasattr(ast, "TryStar"):
            self._by_statement[ast.TryStar] = self._try
        if hasattr(ast, "TypeAlias"):
            self._by_statement[ast.TypeAlias] = self._type_alias

    @abstractmethod
    def see_class(self, function: Function) -> None:
        """A class that is made, with its body run."""

    @abstractmethod
    def instantiate(self, function: Function, arguments: Arguments) -> Value:
        """An instance of a class of the distribution; its initialisation is run."""

    def run_statements(self, statements: Iterable[ast.stmt], scope: Scope) -> None:
        marks = self._marks
        for statement in statements:
            handler = self._by_statement.get(type(statement))
            if handler is None:
                continue
            try:
                handler(statement, scope)
            except RecursionError:
                # Too deep to follow: the value is opaque, what is called within it is not.
                self._run_calls_of(statement, scope)
        self._marks = marks

    def _run_calls_of(self, statement: ast.stmt, scope: Scope) -> None:
        """The calls of a statement that is too deep to be evaluated, innermost first."""
        if not isinstance(statement, _SIMPLE_STATEMENTS) or self._n_retried_calls <= 0:
            return
        calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
        for call in reversed(calls[-self._n_retried_calls :]):
            self._n_retried_calls -= 1
            with suppress(RecursionError):
                self.evaluate(call, scope)

    def see_function(self, function: Function) -> None:
        if self.path == self.unit_path and not self._line_override:
            self._functions.append(function)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        function = Function(node=node, path=self.path, scope=scope.lexical)
        value = Value(function=function)
        self.see_function(function)
        self.glance_at_signature(node, scope)
        self._set(node.name, self._decorated(node, value, scope), scope)

    def _decorated(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, made: Value, scope: Scope
    ) -> Value:
        """What a name means that a function or a class is bound to: what its decorators make of
        it, or itself."""
        result = made
        for decorator_node in reversed(node.decorator_list):
            decorator = self.own(self.evaluate(decorator_node, scope))
            if decorator.function is not None:
                given = self.invoke(decorator.function, Arguments(positional=(result,)))
                result = given if _is_callable(given) else result
            elif result.function is not None and _is_at_exit(decorator.ref):
                self.invoke(result.function, Arguments())
        return result

    def _class(self, node: ast.ClassDef, scope: Scope) -> None:
        bases = tuple(self.evaluate(base, scope) for base in node.bases)
        members = Scope(module=self.path, parent=scope.lexical, is_class=True)
        function = Function(node=node, path=self.path, scope=scope, members=members, bases=bases)
        self._called.add(node)
        self.glance_at_type_parameters(node, scope)
        first = len(self._functions)
        self.run_statements(node.body, members)
        # Methods run as methods of this class, not as bare functions.
        for position in range(first, len(self._functions)):
            method = self._functions[position]
            is_decorated = bool(getattr(method.node, "decorator_list", ()))
            if is_decorated or members.names.get(method.name, UNKNOWN).function is method:
                self._functions[position] = Function(
                    node=method.node,
                    path=method.path,
                    scope=method.scope,
                    receiver=Value(function=function),
                )
        value = Value(function=function)
        self._set(node.name, value, scope)
        self.see_class(function)
        for keyword in node.keywords:
            meta = self.evaluate(keyword.value, scope)
            if meta.function is not None and keyword.arg == "metaclass":
                is_class = meta.function.is_class
                self.invoke(meta.function, Arguments(positional=() if is_class else (UNKNOWN,) * 3))
        for base in bases:
            hook = self._member(base.function, "__init_subclass__") if base.function else None
            if hook is not None and hook.function is not None:
                self.invoke(hook.function, Arguments())
        if node.decorator_list:
            self._set(node.name, self._decorated(node, value, scope), scope)

    def _raise(self, node: ast.Raise, scope: Scope) -> None:
        raised = self.evaluate(node.exc, scope)
        self._make_raised(node.exc, raised)
        if isinstance(node.cause, ast.Name):
            self._make_raised(node.cause, self.evaluate(node.cause, scope))
        self.glance(node.cause, scope)
        if not self._is_catching:
            return
        if isinstance(node.exc, ast.Call) and node.exc.args and raised.function is None:
            first = self.evaluate(node.exc.args[0], scope)
            if isinstance(first.const, (str, bytes, tuple)):
                self._raised = join(self._raised, first)

    def _make_raised(self, node: ast.expr | None, raised: Value) -> None:
        """``raise E`` makes an ``E``."""
        function = raised.function
        is_made = isinstance(node, ast.Call) or function is None
        if not is_made and function is not None and function.is_class and self._body_acts(function):
            self.invoke(function, Arguments())

    def _assert(self, node: ast.Assert, scope: Scope) -> None:
        self.evaluate(node.test, scope)
        if self._is_catching and node.msg is not None:
            self._raised = join(self._raised, self.evaluate(node.msg, scope))
        else:
            self.glance(node.msg, scope)

    def _delete_statement(self, node: ast.Delete, scope: Scope) -> None:
        for target in node.targets:
            self.glance(target, scope)

    def _type_alias(self, node: Any, scope: Scope) -> None:
        self.glance_at_type_parameters(node, scope)
        self.glance_at_annotation(node.value, scope)

    def _return(self, node: ast.Return, scope: Scope) -> None:
        self.see_return(self.evaluate(node.value, scope))

    def _assign(self, node: ast.Assign, scope: Scope) -> None:
        value = self.evaluate(node.value, scope)
        for target in node.targets:
            self.assign(target, value, scope)

    def _annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        if node.value is not None:
            self.assign(node.target, self.evaluate(node.value, scope), scope)
        self.glance_at_annotation(node.annotation, scope)

    def _augmented(self, node: ast.AugAssign, scope: Scope) -> None:
        old = self.evaluate(node.target, scope)
        new = self._operate(node.op, old, self.evaluate(node.value, scope))
        if isinstance(new.const, (str, bytes)) and len(new.const) < 10_000:
            self.see_folded(new, node.target)
        self.assign(node.target, new, scope)

    def _if_statement(self, node: ast.If, scope: Scope) -> None:
        test_kind = type(node.test)
        if (test_kind is ast.Compare or test_kind is ast.BoolOp) and is_main_test(node.test):
            for other in other_tests(node.test):
                self.evaluate(other, scope)
            if self._depth == 0 and self.surface not in (Surface.SETUP, Surface.BUILD_BACKEND):
                self._main_blocks.append((node.body, scope))
            else:
                self.run_statements(node.body, scope)
            self.run_statements(node.orelse, scope)
            return
        test = self.evaluate(node.test, scope)
        gates = NO_GATES if self._stream.surface is Surface.OTHER else self._gates(node.test)
        if test.const is not None and test.known is not None and is_fixed(node.test):
            self.run_statements(node.body if test.known else node.orelse, scope)
            return
        self._run_branch(node.body, scope, gates)
        self._run_branch(node.orelse, scope, gates)
        if gates and node.body and ends(node.body[-1]):
            self._marks = self._marks | gates

    def _gates(self, test: ast.expr) -> Set[Mark]:
        gates = self._gates_of.get(test)
        if gates is None:
            self._gates_of[test] = gates = gates_of(test)
        return gates

    def _with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> None:
        silent = False
        for item in node.items:
            value = self.evaluate(item.context_expr, scope)
            silent = silent or value.ref == "contextlib.suppress()"
            if value.function is not None:
                enter = self._member(value.function, "__enter__")
                if enter is not None and enter.function is not None:
                    self.invoke(enter.function, Arguments())
            if value.parts is not None and HOLE in value.parts and not value.ref:
                value = value.parts[HOLE]  # of a generator that is a context manager
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value, scope)
        marks = self._marks
        if silent:
            self._marks = self._marks | {Mark.SILENT}
        self.run_statements(node.body, scope)
        self._marks = marks

    def _try(self, node: ast.Try, scope: Scope) -> None:
        hides_errors = any(is_silent(handler) for handler in node.handlers)
        marks = self._marks
        if hides_errors:
            self._marks = self._marks | {Mark.SILENT}
        outer = (self._raised, self._is_catching)
        self._raised, self._is_catching = UNKNOWN, any(handler.name for handler in node.handlers)
        # An error may end it anywhere: what was bound before may still be.
        self._branch_depth += bool(node.handlers)
        self.run_statements(node.body, scope)
        self._branch_depth -= bool(node.handlers)
        self._marks = marks
        raised = self._raised
        self._raised, self._is_catching = outer
        for handler in node.handlers:
            self.glance(handler.type, scope)
            if handler.name is not None and raised is not UNKNOWN:
                # An exception can carry text to where it is caught: str(e), e.args[0].
                parts: dict[Constant, Value] = {"args": Value(parts={0: raised})}
                caught = replace(raised, parts=parts)
                self._set(handler.name, caught, scope)
            self._run_branch(handler.body, scope)
        self.run_statements(node.orelse, scope)
        self.run_statements(node.finalbody, scope)

    def _match(self, node: ast.Match, scope: Scope) -> None:
        subject = self.evaluate(node.subject, scope)
        for case in node.cases:
            self._bind_pattern(case.pattern, subject, scope)
            self.glance(case.guard, scope)
            self._run_branch(case.body, scope)

    def _expression(self, node: ast.Expr, scope: Scope) -> None:
        if isinstance(node.value, ast.Constant):
            self.see_literal(node.value, kind="statement")
            return
        self._growing_scope = self._growing_scope or self.scope
        is_asked = self.surface is Surface.SETUP and self._depth == 0
        if is_asked and isinstance(node.value, ast.Call):
            self.body_calls.append((node.lineno, ast.unparse(node.value.func)[:80]))
        self.evaluate(node.value, scope)


def _is_at_exit(ref: str) -> bool:
    return "atexit" in ref and ref.endswith(("register", "register()"))


def _is_callable(value: Value) -> bool:
    return value.function is not None or canonical(value.ref) in SINKS
