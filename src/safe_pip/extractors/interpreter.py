"""The abstract run of one unit: its statements in order, its functions where they are called.

What is reached from the top level runs without anyone's call; install commands and what is left
over follow as streams of their own. Both branches of a condition are read; a loop over constants
is unrolled, any other is read once.
"""

from __future__ import annotations

import ast
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from safe_pip.evidence import Surface
from safe_pip.extractors.calls import Arguments, Calls
from safe_pip.extractors.capabilities import UNREMARKABLE_ACTIONS, Action
from safe_pip.extractors.commands import CommandFact
from safe_pip.extractors.events import Event, LiteralKind, Mark, Sighting, Stream
from safe_pip.extractors.expressions import constant_items, element_of
from safe_pip.extractors.parsing import parse, parse_leniently
from safe_pip.extractors.values import (
    HOLE,
    NO_ORIGINS,
    UNKNOWN,
    Constant,
    Function,
    Origins,
    Scope,
    Value,
    join,
)

MAX_DEPTH = 24
MAX_EVENTS_PER_ACTION = 500
MAX_LITERALS = 200_000
MAX_NESTED_RUNS = 64
MAX_REPAIRED_CODE_CHARS = 20_000
MAX_NESTED_CHARS = 16 << 20
MAX_UNROLLED_ITEMS = 5_000
FUEL_PER_UNIT = 300_000
FUEL_WHEN_CALLED = 10_000
MAX_GATE_NODES = 60
_INSTALL_COMMANDS = frozenset(
    """bdist_egg bdist_wheel build build_clib build_ext build_py build_scripts develop dist_info
    easy_install editable_wheel egg_info install install_data install_egg_info install_lib
    install_scripts sdist""".split()  # noqa: SIM905
)
_COMMAND_METHODS = ("__init__", "initialize_options", "finalize_options", "run", "build_extension",
                    "build_extensions", "__del__", "__init_subclass__")  # fmt: skip
_MIN_CODE_CHARS = 12
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
_ENDING = (ast.Return, ast.Raise, ast.Continue, ast.Break)


class Imports(Protocol):
    """What the interpreter asks of the program around it."""

    def find_module(self, name: str, *, importer: str, is_top_level: bool) -> Scope | None:
        """The scope of a module of the distribution, run; None when it is none of it."""

    def read_member(self, path: str, *, importer: str) -> tuple[str, str] | None:
        """The path and text of a member that a path with holes means."""


class Interpreter(Calls):
    """Runs one unit's tree and keeps its streams.

    ``fuel`` is how many expressions may be evaluated before calls are no longer followed where
    they stand. A function that is called after that is run on its own, as reached from there, so
    that burning the fuel hides nothing.
    """

    def __init__(
        self, *, path: str, surface: Surface, imports: Imports, fuel: int = FUEL_PER_UNIT
    ) -> None:
        super().__init__()
        self.path = path
        self.unit_path = path
        self.set_variables: set[str] = set()
        self.surface = surface
        self.scope = Scope(module=path)
        self.streams: list[Stream] = []
        self.literals: dict[tuple[int, str | bytes], Sighting] = {}
        self.hidden_lookups: list[tuple[int, str, Surface]] = []
        self.folded_code_lines: set[int] = set()
        self.command_classes: list[tuple[str, Function]] = []
        self.body_calls: list[tuple[int, str]] = []
        self.executed_members: set[str] = set()
        self._imports = imports
        self._stream = Stream(path=path, surface=surface)
        self._marks: frozenset[Mark] = frozenset()
        self._line_override = 0
        self._depth = 0
        self.fuel = fuel
        self._deferred: list[tuple[Function, Surface]] = []
        self._deferred_nodes: set[ast.AST] = set()
        self._event_counts: Counter[Action] = Counter()
        self._nested_runs = 0
        self._nested_chars = 0
        self._branch_depth = 0
        self._active: set[ast.AST] = set()
        self._called: set[ast.AST] = set()
        self._functions: list[Function] = []
        self._memory: dict[tuple[object, ...], tuple[Value, list[Event], Arguments]] = {}
        self._returned: list[Value] = []
        self._seen: set[tuple[object, ...]] = set()
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
            ast.Global: lambda node, scope: scope.global_names.update(node.names),
        }
        if hasattr(ast, "TryStar"):
            self._by_statement[ast.TryStar] = self._try

    # What is run

    def run(self, tree: ast.Module) -> None:
        """The top level, then install commands, the main block, and the functions left over."""
        docstring = ast.get_docstring(tree, clean=False)
        if docstring is not None:
            self.scope.names["__doc__"] = Value(const=docstring)
        self._start(self.surface)
        self.run_statements(tree.body, self.scope)
        self.read_written_code(self.scope)
        for key, function in self.command_classes:
            if key in _INSTALL_COMMANDS or key == HOLE:
                self._start(Surface.COMMAND_CLASS)
                self._run_methods(function)
        if self.surface is not Surface.SETUP and self.surface is not Surface.BUILD_BACKEND:
            for statements, scope in self._main_blocks:
                self._start(Surface.ENTRY_POINT)
                self.run_statements(statements, scope)
        self._run_deferred()
        self.fuel = min(self.fuel, FUEL_WHEN_CALLED)
        for function in list(self._functions):
            if function.node not in self._called:
                self._start(Surface.OTHER)
                self._run_root(function)
        self._run_deferred()

    def release(self) -> None:
        """Breaks the cycles that would keep the tree alive until the collector finds them."""
        self._memory.clear()
        self._by_node.clear()
        self._by_statement.clear()
        self._special.clear()
        self._functions.clear()
        self._called.clear()

    def _run_deferred(self) -> None:
        for function, surface in self._deferred:
            self._start(surface)
            self._run_root(function)
        self._deferred.clear()

    def _run_root(self, function: Function) -> None:
        self._called.add(function.node)
        self._run_body(function, Arguments())
        self.read_written_code(self.scope)

    def _start(self, surface: Surface) -> None:
        self._stream = Stream(path=self.unit_path, surface=surface)
        self.streams.append(self._stream)
        self._seen = set()
        self._event_counts.clear()
        self._marks = frozenset()

    def _run_methods(self, function: Function) -> None:
        for name in _COMMAND_METHODS:
            method = self._member(function, name)
            if method is not None and method.function is not None:
                self.invoke(method.function, Arguments())
        self.read_written_code(self.scope)

    def burn(self) -> None:
        self.fuel -= 1

    def run_statements(self, statements: Iterable[ast.stmt], scope: Scope) -> None:
        marks = self._marks
        for statement in statements:
            handler = self._by_statement.get(type(statement))
            if handler is None:
                continue
            try:
                handler(statement, scope)
            except RecursionError:
                # Too deep to follow: as opaque as an unknown value, and rare enough to leave.
                continue
        self._marks = marks

    def invoke(self, function: Function, arguments: Arguments) -> Value:
        """Runs a function's body where it is called, with what is known of its arguments."""
        # Nodes compare by identity; as keys they also stay alive, so that no id is used twice.
        identity = function.node
        self._called.add(identity)
        if function.is_class:
            return self._instantiate(function, arguments)
        if identity in self._active or self._depth >= MAX_DEPTH or self.fuel <= 0:
            if identity not in self._active and identity not in self._deferred_nodes:
                self._deferred_nodes.add(identity)
                self._deferred.append((function, self._stream.surface))
            return Value(origins=arguments.origins) if arguments.origins else UNKNOWN
        key = (identity, self._marks, *(_signature(value) for value in arguments.all))
        remembered = self._memory.get(key)
        if remembered is not None:
            for event in remembered[1]:
                self._keep(event)
            return remembered[0]
        start = len(self._stream.events)
        result = self._run_body(function, arguments)
        # The arguments are kept so that the identities in the key stay theirs.
        self._memory[key] = (result, self._stream.events[start:], arguments)
        return result

    def _run_body(self, function: Function, arguments: Arguments) -> Value:
        node = function.node
        assert not isinstance(node, ast.ClassDef)
        scope = Scope(module=function.path, parent=function.scope)
        self._bind(node.args, function, arguments, scope)
        outer = (self.path, self._returned, self._marks, self._growing_scope, self._branch_depth)
        self.path, self._returned, self._growing_scope = function.path, [], scope
        self._branch_depth = 0
        self._active.add(node)
        self._depth += 1
        if function.path != self.unit_path and function.path != outer[0]:
            self._marks = self._marks | {Mark.CROSS_FILE}
        try:
            if isinstance(node, ast.Lambda):
                return self.evaluate(node.body, scope)
            self.run_statements(node.body, scope)
            result = UNKNOWN
            for value in self._returned:
                result = join(result, value)
            return result
        finally:
            self._depth -= 1
            self._active.discard(node)
            self.path, self._returned, self._marks, self._growing_scope, self._branch_depth = outer

    def _bind(
        self, spec: ast.arguments, function: Function, arguments: Arguments, scope: Scope
    ) -> None:
        parameters = [*spec.posonlyargs, *spec.args]
        values = list(arguments.positional)
        if function.receiver is not None:
            values.insert(0, function.receiver)
        defaults = spec.defaults
        for offset, default in enumerate(defaults):
            position = len(parameters) - len(defaults) + offset
            if position >= len(values):
                name = parameters[position].arg
                scope.names[name] = self.evaluate(default, function.scope)
        for parameter, default_node in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
            scope.names[parameter.arg] = self.evaluate(default_node, function.scope)
        for parameter, value in zip(parameters, values, strict=False):
            scope.names[parameter.arg] = value
        for name, value in arguments.keywords.items():
            scope.names[name] = value
        if spec.vararg is not None:
            rest = values[len(parameters) :]
            scope.names[spec.vararg.arg] = Value(parts=dict(enumerate(rest)))
        for parameter in parameters:
            # A parameter of nothing known must not fall through to an outer name.
            scope.names.setdefault(parameter.arg, UNKNOWN)

    def _instantiate(self, function: Function, arguments: Arguments) -> Value:
        for name in ("__new__", "__init__", "__post_init__", "__call__"):
            method = self._member(function, name)
            if method is not None and method.function is not None:
                self.invoke(method.function, arguments)
        if any(base.ref.endswith((".Thread", ".Process")) for base in function.bases):
            run = self._member(function, "run")
            if run is not None and run.function is not None:
                self.invoke(run.function, Arguments())
        refs = [f"{base.ref}()" for base in function.bases if base.ref and not base.function]
        return Value(function=function, ref=refs[0] if refs else "")

    # What is seen on the way

    def emit(
        self,
        action: Action,
        name: str,
        node: ast.expr,
        *,
        data: Origins = NO_ORIGINS,
        text: str = "",
        names: frozenset[str] = frozenset(),
        marks: frozenset[Mark] = frozenset(),
        facts: frozenset[CommandFact] = frozenset(),
    ) -> None:
        event = Event(
            action=action,
            name=name,
            path=self.path,
            line=self._line_override or node.lineno,
            data=data,
            text=text[:4_000],
            names=names,
            marks=self._marks | marks,
            facts=facts,
        )
        self._keep(event)

    def _keep(self, event: Event) -> None:
        key = (event.action, event.name, event.path, event.line, event.data, event.text)
        count = self._event_counts[event.action]
        if key in self._seen or count >= MAX_EVENTS_PER_ACTION:
            return
        self._event_counts[event.action] = count + 1
        self._seen.add(key)
        self._stream.events.append(event)

    def see_literal(self, node: ast.Constant, *, kind: LiteralKind = "written") -> None:
        if isinstance(node.value, (str, bytes)):
            kind = "folded" if self._line_override else kind
            self._note_literal(self._line_override or node.lineno, node.value, kind)

    def see_folded(self, value: Value, node: ast.expr) -> None:
        if isinstance(value.const, (str, bytes)) and len(value.const) > 1:
            line = self._line_override or getattr(node, "lineno", 0)
            self._note_literal(line, value.const, "folded")

    def _note_literal(self, line: int, value: str | bytes, kind: LiteralKind) -> None:
        if self.path == self.unit_path and len(self.literals) < MAX_LITERALS:
            sighting = Sighting(kind=kind, surface=self._stream.surface)
            self.literals.setdefault((line, value), sighting)

    def see_return(self, value: Value) -> None:
        if len(self._returned) < 64:
            self._returned.append(value)

    def see_hidden_lookup(self, node: ast.expr, detail: str) -> None:
        line = self._line_override or getattr(node, "lineno", 0)
        entry = (line, detail, self._stream.surface)
        if entry not in self.hidden_lookups and len(self.hidden_lookups) < 1_000:
            self.hidden_lookups.append(entry)

    def see_setup(self, arguments: Arguments, node: ast.Call) -> None:
        del node
        commands = arguments.keywords.get("cmdclass", UNKNOWN)
        for key, value in (commands.parts or {}).items():
            if value.function is not None and value.function.is_class:
                self.command_classes.append((str(key), value.function))

    def run_text(self, code: Value, node: ast.expr, scope: Scope) -> tuple[Value, bool]:
        text = code.text.lstrip("\ufeff \t")
        self._nested_runs += 1
        self._nested_chars += len(text)
        if self._nested_runs > MAX_NESTED_RUNS or self._nested_chars > MAX_NESTED_CHARS:
            return UNKNOWN, True
        parsed = parse(text) if len(text) > MAX_REPAIRED_CODE_CHARS else parse_leniently(text)
        if parsed.tree is None or self._depth >= MAX_DEPTH:
            return UNKNOWN, True
        start = len(self._stream.events)
        outer = (self._line_override, self._marks)
        self._line_override = self._line_override or node.lineno
        self._marks = self._marks | {Mark.NESTED}
        self._depth += 1
        try:
            body = parsed.tree.body
            result = UNKNOWN
            if len(body) == 1 and isinstance(body[0], ast.Expr):
                result = self.evaluate(body[0].value, scope)
            else:
                self.run_statements(body, scope)
            return result, self._has_remarkable_events(start)
        finally:
            self._depth -= 1
            self._line_override, self._marks = outer

    def read_member(self, path: str) -> str | None:
        found = self._imports.read_member(path, importer=self.path)
        return None if found is None else found[1]

    def run_member(self, path: str, scope: Scope) -> bool | None:
        found = self._imports.read_member(path, importer=self.path)
        if found is None or found[0] in self.executed_members or found[0] == self.unit_path:
            return None if found is None else False
        member_path, source = found
        self.executed_members.add(member_path)
        parsed = parse(source)
        if parsed.tree is None:
            return True
        outer = (self.path, self._line_override)
        self.path, self._line_override = member_path, 0
        start = len(self._stream.events)
        self._depth += 1
        try:
            self.run_statements(parsed.tree.body, scope)
        finally:
            self._depth -= 1
            self.path, self._line_override = outer
        return self._has_remarkable_events(start)

    def _has_remarkable_events(self, start: int) -> bool:
        return any(
            event.action not in UNREMARKABLE_ACTIONS and Mark.HARMLESS not in event.marks
            for event in self._stream.events[start:]
        )

    # Statements

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        function = Function(node=node, path=self.path, scope=scope.lexical)
        value = Value(function=function)
        if self.path == self.unit_path and not self._line_override:
            self._functions.append(function)
        for decorator_node in node.decorator_list:
            decorator = self.evaluate(decorator_node, scope)
            if decorator.function is not None:
                self.invoke(decorator.function, Arguments(positional=(value,)))
            elif decorator.ref.endswith(("register", "register()")) and "atexit" in decorator.ref:
                self.invoke(function, Arguments())
        self._set(node.name, value, scope)

    def _class(self, node: ast.ClassDef, scope: Scope) -> None:
        bases = tuple(self.evaluate(base, scope) for base in node.bases)
        members = Scope(module=self.path, parent=scope.lexical, is_class=True)
        function = Function(node=node, path=self.path, scope=scope, members=members, bases=bases)
        self._called.add(node)
        first = len(self._functions)
        self.run_statements(node.body, members)
        # Methods run as methods of this class, not as bare functions.
        for position in range(first, len(self._functions)):
            method = self._functions[position]
            if members.names.get(method.name, UNKNOWN).function is method:
                self._functions[position] = Function(
                    node=method.node,
                    path=method.path,
                    scope=method.scope,
                    receiver=Value(function=function),
                )
        value = Value(function=function)
        self._set(node.name, value, scope)
        for keyword in node.keywords:
            meta = self.evaluate(keyword.value, scope)
            if meta.function is not None and meta.function.is_class:
                self._instantiate(meta.function, Arguments())
        for base in bases:
            hook = self._member(base.function, "__init_subclass__") if base.function else None
            if hook is not None and hook.function is not None:
                self.invoke(hook.function, Arguments())
        for decorator_node in node.decorator_list:
            decorator = self.evaluate(decorator_node, scope)
            if decorator.function is not None:
                self.invoke(decorator.function, Arguments(positional=(value,)))

    def _raise(self, node: ast.Raise, scope: Scope) -> None:
        self.evaluate(node.exc, scope)

    def _assert(self, node: ast.Assert, scope: Scope) -> None:
        self.evaluate(node.test, scope)

    def _return(self, node: ast.Return, scope: Scope) -> None:
        self.see_return(self.evaluate(node.value, scope))

    def _assign(self, node: ast.Assign, scope: Scope) -> None:
        value = self.evaluate(node.value, scope)
        for target in node.targets:
            self.assign(target, value, scope)

    def _annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        if node.value is not None:
            self.assign(node.target, self.evaluate(node.value, scope), scope)

    def _augmented(self, node: ast.AugAssign, scope: Scope) -> None:
        old = self.evaluate(node.target, scope)
        new = self._operate(node.op, old, self.evaluate(node.value, scope))
        if isinstance(new.const, (str, bytes)) and len(new.const) < 10_000:
            self.see_folded(new, node.target)
        self.assign(node.target, new, scope)

    def assign(self, target: ast.expr, value: Value, scope: Scope) -> None:
        match target:
            case ast.Name(id=name):
                self._set(name, value, scope)
            case ast.Attribute(value=owner_node, attr=name):
                owner = self.evaluate(owner_node, scope)
                if owner.function is not None and len(owner.function.attributes) < 500:
                    attributes = owner.function.attributes
                    attributes[name] = join(attributes.get(name), value)
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
        if not isinstance(owner_node, (ast.Name, ast.Attribute)) or owner.ref:
            return
        parts = dict(owner.parts or {})
        if len(parts) < 256:
            parts[HOLE if key.known is None else key.known] = value
        origins = owner.origins | value.origins | key.origins
        self.assign(owner_node, Value(parts=parts, origins=origins), scope)

    def _unpack(self, targets: list[ast.expr], value: Value, scope: Scope) -> None:
        items = constant_items(value)
        for position, target in enumerate(targets):
            if items is not None and position < len(items):
                self.assign(target, items[position], scope)
            else:
                self.assign(target, element_of(value), scope)

    def _set(self, name: str, value: Value, scope: Scope) -> None:
        if name in scope.global_names:
            scope = scope.globals
        if self._branch_depth:
            value = join(scope.names.get(name), value)
        scope.names[name] = value

    def _for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
        source = self.evaluate(node.iter, scope)
        items = constant_items(source)
        is_short = items is not None and len(items) <= MAX_UNROLLED_ITEMS
        if items and is_short and (len(items) <= 8 or _is_arithmetic(node.body)):
            for item in items:
                if self.fuel <= 0:
                    break
                self.assign(node.target, item, scope)
                self.run_statements(node.body, scope)
        else:
            self.assign(node.target, element_of(source), scope)
            with self._branch({Mark.IN_LOOP}):
                self.run_statements(node.body, scope)
        self.run_statements(node.orelse, scope)

    def _while(self, node: ast.While, scope: Scope) -> None:
        self.evaluate(node.test, scope)
        with self._branch({Mark.IN_LOOP}):
            self.run_statements(node.body, scope)
        self.run_statements(node.orelse, scope)

    @contextmanager
    def _branch(self, marks: set[Mark]) -> Iterator[None]:
        outer = self._marks
        self._marks = self._marks | marks
        self._branch_depth += 1
        try:
            yield
        finally:
            self._branch_depth -= 1
            self._marks = outer

    def _if_statement(self, node: ast.If, scope: Scope) -> None:
        if _is_main_test(node.test):
            if self._depth == 0 and self.surface not in (Surface.SETUP, Surface.BUILD_BACKEND):
                self._main_blocks.append((node.body, scope))
            else:
                self.run_statements(node.body, scope)
            self.run_statements(node.orelse, scope)
            return
        test = self.evaluate(node.test, scope)
        gates = self._gates(node.test)
        if test.known is not None and _is_fixed(node.test):
            self.run_statements(node.body if test.known else node.orelse, scope)
            return
        with self._branch(gates):
            self.run_statements(node.body, scope)
        with self._branch(gates):
            self.run_statements(node.orelse, scope)
        if gates and node.body and _ends(node.body[-1]):
            self._marks = self._marks | gates

    def _gates(self, test: ast.expr) -> set[Mark]:
        """What a condition asks about: the system, a marker left by an earlier run."""
        if self._stream.surface is Surface.OTHER:
            return set()
        gates: set[Mark] = set()
        for node in itertools.islice(ast.walk(test), MAX_GATE_NODES):
            if isinstance(node, ast.Attribute) and node.attr in _GATE_OF_ATTRIBUTE:
                owner = node.value.id if isinstance(node.value, ast.Name) else ""
                if node.attr != "name" or owner in ("os", "sys"):
                    gates.add(_GATE_OF_ATTRIBUTE[node.attr])
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
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value, scope)
        marks = self._marks
        if silent:
            self._marks = self._marks | {Mark.SILENT}
        self.run_statements(node.body, scope)
        self._marks = marks

    def _try(self, node: ast.Try, scope: Scope) -> None:
        is_silent = any(_is_silent(handler) for handler in node.handlers)
        marks = self._marks
        if is_silent:
            self._marks = self._marks | {Mark.SILENT}
        self.run_statements(node.body, scope)
        self._marks = marks
        for handler in node.handlers:
            with self._branch(set()):
                self.run_statements(handler.body, scope)
        self.run_statements(node.orelse, scope)
        self.run_statements(node.finalbody, scope)

    def _match(self, node: ast.Match, scope: Scope) -> None:
        self.evaluate(node.subject, scope)
        for case in node.cases:
            with self._branch(set()):
                self.run_statements(case.body, scope)

    def _expression(self, node: ast.Expr, scope: Scope) -> None:
        if isinstance(node.value, ast.Constant):
            self.see_literal(node.value, kind="statement")
            return
        self._growing_scope = self._growing_scope or self.scope
        if self._depth == 0 and isinstance(node.value, ast.Call):
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
                self._set(
                    alias.name.partition(".")[0], Value(ref=alias.name.partition(".")[0]), scope
                )

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        name = absolute_name(self.path, node.module or "", node.level)
        module = self.import_module(name)
        for alias in node.names:
            if alias.name == "*":
                scope.globals.star_imports.append(name)
                for key, value in (module.parts or {}).items():
                    self._set(str(key), value, scope)
                continue
            value = UNKNOWN
            if module.parts is not None and alias.name in module.parts:
                value = module.parts[alias.name]
            elif module.parts is not None or node.level:
                value = self.import_module(f"{name}.{alias.name}")
            if value is UNKNOWN:
                value = Value(ref=f"{name}.{alias.name}")
            if value.ref == "typing.TYPE_CHECKING":
                value = Value(const=0)
            self._set(alias.asname or alias.name, value, scope)

    def import_module(self, name: str) -> Value:
        scope = self._imports.find_module(
            name, importer=self.path, is_top_level=self._stream.surface is not Surface.OTHER
        )
        if scope is None:
            return Value(ref=name)
        return Value(ref=name, parts=scope.names)  # type: ignore[arg-type]


def absolute_name(path: str, module: str, level: int) -> str:
    """The absolute dotted name that a ``from`` import in the file means."""
    if level == 0:
        return module
    folders = path.split("/")[:-1]
    kept = folders[: len(folders) - level + 1]
    return ".".join((*kept, module) if module else kept)


def _signature(value: Value) -> object:
    const = value.const
    if isinstance(const, (str, bytes, tuple)) and len(const) > 2_000:
        const = hash(const)
    function = value.function.node if value.function else None
    parts = id(value.parts) if value.parts is not None else 0
    return (const, value.ref, value.origins, function, parts)


def _is_main_test(test: ast.expr) -> bool:
    match test:
        case ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()]):
            return True
        case ast.Compare(comparators=[ast.Name(id="__name__")], ops=[ast.Eq()]):
            return True
        case ast.BoolOp(op=ast.And(), values=values):
            return any(_is_main_test(value) for value in values)
    return False


def _is_fixed(test: ast.expr) -> bool:
    """A condition that no run can change: a constant, or the flag of type checkers."""
    match test:
        case ast.Constant() | ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
    return False


def _is_silent(handler: ast.ExceptHandler) -> bool:
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


def _is_arithmetic(body: list[ast.stmt]) -> bool:
    """A short loop body that only computes, as decoders do."""
    return len(body) <= 8 and not any(
        isinstance(node, (ast.For, ast.While, ast.Import, ast.FunctionDef, ast.ClassDef))
        for statement in body
        for node in ast.walk(statement)
    )


def _ends(statement: ast.stmt) -> bool:
    if isinstance(statement, _ENDING):
        return True
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="exit" | "_exit"))):
            return True
        case ast.Expr(value=ast.Call(func=ast.Name(id="exit" | "quit"))):
            return True
    return False
