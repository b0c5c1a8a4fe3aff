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
    is_arithmetic,
    is_fixed,
    is_main_test,
    is_silent,
    other_tests,
)
from safe_pip.extractors.containers import constant_items, element_of, is_long
from safe_pip.extractors.events import Mark, Stream
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

MAX_UNROLLED_ITEMS = 50_000
MAX_COUNTED_ROUNDS = 20_000
MAX_SHORT_LOOP = 8
MAX_JOINED_ITEMS = 8
# What a round of a decoder evaluates; a loop that does more is no decoder: it pays for itself, and
# its first rounds tell.
MAX_DECODING_STEP = 100
LOOP_FUEL_PER_UNIT = 1_000_000
MAX_RETRIED_CALLS = 200
_SIMPLE_STATEMENTS = (ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return)
_LOOP_MARKS = frozenset((Mark.IN_LOOP,))
_bound = dict.get


class Statements(Glances):
    """Runs statements; what a call of a function does is left to the subclass."""

    def __init__(self, *, path: str, surface: Surface, fuel: int) -> None:
        super().__init__()
        self.path = path
        self.unit_path = path
        self.surface = surface
        self.fuel = fuel
        self._loop_fuel = LOOP_FUEL_PER_UNIT
        self._n_retried_calls = MAX_RETRIED_CALLS
        self.set_variables: set[str] = set()
        self.body_calls: list[tuple[int, str]] = []
        self.scope = Scope(module=path)
        self._stream = Stream(path=path, surface=surface)
        self._marks: frozenset[Mark] = frozenset()
        self._line_override = 0
        self._depth = 0
        self._branch_depth = 0
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
    def see_patch(self, owner: str, function: Function) -> None:
        """Something named ``owner`` gets the function as an attribute."""

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

    def _for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
        source = self.evaluate(node.iter, scope)
        is_unrolled = not is_long(source, MAX_SHORT_LOOP) or is_arithmetic(node.body)
        items = constant_items(source) if is_unrolled else None
        if items and len(items) <= MAX_UNROLLED_ITEMS:
            self._unroll(node, items, scope)
        else:
            self.assign(node.target, element_of(source), scope)
            self._run_branch(node.body, scope, _LOOP_MARKS)
        self.run_statements(node.orelse, scope)

    def _unroll(self, node: ast.For | ast.AsyncFor, items: list[Value], scope: Scope) -> None:
        """Runs a loop over constants item by item, as decoders need it, on fuel of its own."""
        is_decoding = len(items) > MAX_SHORT_LOOP
        if self.fuel <= 0 or self._loop_fuel <= 0:
            self._run_rest(node, items, scope)
            return
        for position, item in enumerate(items):
            if self.fuel <= 0 or self._loop_fuel <= 0:
                self._run_rest(node, items[position:], scope)
                break
            before = self.fuel
            self.assign(node.target, item, scope)
            self.run_statements(node.body, scope)
            spent = before - self.fuel
            self._loop_fuel -= spent
            if is_decoding and spent <= MAX_DECODING_STEP:
                self.fuel = before
            elif is_decoding and position >= MAX_SHORT_LOOP:
                self._run_rest(node, items[position + 1 :], scope)
                break

    def _run_rest(self, node: ast.For | ast.AsyncFor, items: list[Value], scope: Scope) -> None:
        """One round for all items that have none of their own: what differs among them, joined."""
        if not items or not self._stream.surface.runs_unasked:
            return
        kinds = {(item.ref, item.function): item for item in items}
        rest = UNKNOWN
        for item in list(kinds.values())[-MAX_JOINED_ITEMS:]:
            rest = join(rest, item)
        self.assign(node.target, rest, scope)
        self.run_statements(node.body, scope)

    def _while(self, node: ast.While, scope: Scope) -> None:
        test = self.evaluate(node.test, scope)
        is_counted = test.known and isinstance(node.test, ast.Compare) and is_arithmetic(node.body)
        if not is_counted or not self._count(node, scope):
            self._run_branch(node.body, scope, _LOOP_MARKS)
        self.run_statements(node.orelse, scope)

    def _count(self, node: ast.While, scope: Scope) -> bool:
        """Runs a loop as long as a number that it tests is known and changes, as decoders do.
        Gives whether it came to its end."""
        names = [part.id for part in ast.walk(node.test) if isinstance(part, ast.Name)]
        fuel, marks = self.fuel, self._marks
        self._marks = marks | _LOOP_MARKS
        is_true: Constant | None = 1
        for _ in range(MAX_COUNTED_ROUNDS):
            before = self.fuel
            numbers = _numbers(names, scope)
            self.run_statements(node.body, scope)
            is_true = self.evaluate(node.test, scope).known
            self._loop_fuel -= before - self.fuel
            if not is_true or self._loop_fuel <= 0 or numbers == _numbers(names, scope):
                break
        self.fuel, self._marks = fuel, marks
        return is_true == 0

    def _run_branch(
        self, statements: list[ast.stmt], scope: Scope, marks: Set[Mark] = frozenset()
    ) -> None:
        """Statements that may be run or not: what they bind may hold beside what held before."""
        if not statements:
            return
        outer = self._marks
        if marks:
            self._marks = outer | marks
        self._branch_depth += 1
        try:
            self.run_statements(statements, scope)
        finally:
            self._branch_depth -= 1
            self._marks = outer

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

    def _expression(self, node: ast.Expr, scope: Scope) -> None:
        if isinstance(node.value, ast.Constant):
            self.see_literal(node.value, kind="statement")
            return
        self._growing_scope = self._growing_scope or self.scope
        is_asked = self.surface is Surface.SETUP and self._depth == 0
        if is_asked and isinstance(node.value, ast.Call):
            self.body_calls.append((node.lineno, ast.unparse(node.value.func)[:80]))
        self.evaluate(node.value, scope)

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


def _is_at_exit(ref: str) -> bool:
    return "atexit" in ref and ref.endswith(("register", "register()"))


def _is_callable(value: Value) -> bool:
    return value.function is not None or canonical(value.ref) in SINKS


def _numbers(names: Iterable[str], scope: Scope) -> list[int]:
    values = [(scope.find(name) or UNKNOWN).known for name in names]
    return [value for value in values if isinstance(value, int)]


def absolute_name(path: str, module: str, level: int) -> str:
    """The absolute dotted name that a ``from`` import in the file means."""
    if level == 0:
        return module
    folders = path.split("/")[:-1]
    kept = folders[: len(folders) - level + 1]
    return ".".join((*kept, module) if module else kept)
