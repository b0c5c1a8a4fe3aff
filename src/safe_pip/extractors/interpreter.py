"""The abstract run of one unit: its top level, and its functions where they are called.

What is reached from the top level runs without anyone's call; install commands and what is left
over follow as streams of their own.
"""

from __future__ import annotations

import ast
from dataclasses import replace

from safe_pip.evidence import Surface
from safe_pip.extractors.allowance import FUEL_PER_UNIT
from safe_pip.extractors.arguments import NO_ARGUMENTS, Arguments
from safe_pip.extractors.backends import NO_HOOKS, build_hooks
from safe_pip.extractors.capabilities import SINKS, canonical
from safe_pip.extractors.conditions import MAIN_NAME
from safe_pip.extractors.containers import sequence
from safe_pip.extractors.events import Event, Mark
from safe_pip.extractors.lookups import handed_value
from safe_pip.extractors.own_modules import Imports, OwnModules
from safe_pip.extractors.parsing import parse, parse_leniently
from safe_pip.extractors.values import (
    HANDED,
    HOLE,
    UNKNOWN,
    Constant,
    Function,
    Scope,
    Value,
    join,
)

MAX_DEPTH = 24
MAX_NESTED_RUNS = 64
MAX_REPAIRED_CODE_CHARS = 20_000
MAX_NESTED_CHARS = 16 << 20
FUEL_WHEN_CALLED = 2_000
_INSTALL_COMMANDS = frozenset(
    """bdist_egg bdist_wheel build build_clib build_ext build_py build_scripts develop dist_info
    easy_install editable_wheel egg_info install install_data install_egg_info install_lib
    install_scripts sdist""".split()  # noqa: SIM905
)
_COMMAND_METHODS = ("__init__", "initialize_options", "finalize_options", "run", "build_extension",
                    "build_extensions", "__del__", "__init_subclass__")  # fmt: skip


class Interpreter(OwnModules):
    """Runs one unit's tree and keeps its streams.

    ``fuel`` is how many expressions may be evaluated before calls are no longer followed where
    they stand. A function that is called after that is run on its own, as reached from there, so
    that burning the fuel hides nothing.
    """

    def __init__(
        self,
        *,
        path: str,
        surface: Surface,
        imports: Imports,
        fuel: int = FUEL_PER_UNIT,
        hook_names: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(path=path, surface=surface, fuel=fuel, imports=imports)
        self.command_classes: list[tuple[str, Function]] = []
        self._hook_names = hook_names
        self._deferred: list[tuple[Function, Arguments, Surface]] = []
        self._deferred_nodes: set[ast.AST] = set()
        self._nested_runs = 0
        self._nested_chars = 0
        self._active: set[ast.AST] = set()
        self._memory: dict[tuple[object, ...], tuple[Value, list[Event], Value, Arguments]] = {}
        self._returned: list[Value] = []

    @property
    def runs_unasked(self) -> bool:
        return self._stream.surface.runs_unasked

    @property
    def is_started_by_hand(self) -> bool:
        return self._stream.surface is Surface.ENTRY_POINT

    def run(self, tree: ast.Module) -> None:
        """The top level, then install commands, the main block, and the functions left over."""
        docstring = ast.get_docstring(tree, clean=False)
        if docstring is not None:
            self.scope.names["__doc__"] = Value(const=docstring)
        self._start(self.surface)
        self.run_statements(tree.body, self.scope)
        self.run_module_hooks()
        self.read_written_code(self.scope)
        for key, function in self.command_classes:
            if key in _INSTALL_COMMANDS or key == HOLE:
                self._start(Surface.COMMAND_CLASS)
                self._run_methods(function)
        if self.surface is not Surface.SETUP and self.surface is not Surface.BUILD_BACKEND:
            for statements, scope in self._main_blocks:
                is_main = self._may_be_main(scope)
                self._start(self.surface if is_main else Surface.ENTRY_POINT)
                self.run_statements(statements, scope)
        hooks = (
            build_hooks(tree, self._hook_names)
            if self.surface is Surface.BUILD_BACKEND
            else NO_HOOKS
        )
        for function in hooks.among(self._functions, self.scope.names, self._member):
            self._start(Surface.BUILD_BACKEND)
            self._run_root(function)
        self._run_deferred()
        spared = max(self.fuel - FUEL_WHEN_CALLED, 0)
        self.fuel -= spared
        # Running one may define more, such as a decorator's, which it gives away.
        for function in self._functions:
            if function.node not in self._called:
                self._start(Surface.BUILD_BACKEND if hooks.may_be_any else Surface.OTHER)
                self._run_root(function)
        self._run_deferred()
        self.fuel = max(self.fuel, 0) + spared

    def _may_be_main(self, scope: Scope) -> bool:
        """Whether the module may be ``__main__`` when it is imported: it names itself, or has that
        word for more than the test."""
        is_renamed = scope.find("__name__") is not None
        return is_renamed or MAIN_NAME in self.written_words or self._folds_main_name

    def run_in(self, statements: list[ast.stmt], scope: Scope) -> None:
        """Some statements, in the scope of their module."""
        self.scope = scope
        self._start(self.surface)
        self.run_statements(statements, scope)
        self._run_deferred()

    def release(self) -> None:
        """Breaks the cycles that would keep the tree alive until the collector finds them."""
        self._memory.clear()
        self._gates_of.clear()
        self._acting.clear()
        self._acting_names.clear()
        self._by_node.clear()
        self._by_statement.clear()
        self._special.clear()
        self._functions.clear()
        self._called.clear()

    def _run_deferred(self) -> None:
        for function, arguments, surface in self._deferred:
            self._start(surface)
            self._run_root(function, arguments)
        self._deferred.clear()

    def _run_root(self, function: Function, arguments: Arguments = NO_ARGUMENTS) -> None:
        self._called.add(function.node)
        if function.is_class:
            self.instantiate(function, arguments)
        else:
            self._run_body(function, arguments)
        self.read_written_code(self.scope)

    def _run_methods(self, function: Function) -> None:
        self.run_members(function, _COMMAND_METHODS)
        self.read_written_code(self.scope)

    def invoke(self, function: Function, arguments: Arguments) -> Value:
        """Runs a function's body where it is called, with what is known of its arguments."""
        # Nodes compare by identity; as keys they also stay alive, so that no id is used twice.
        identity = function.node
        self._called.add(identity)
        if function.is_class:
            return self.instantiate(function, arguments)
        if identity in self._active or self._depth >= MAX_DEPTH or self.fuel <= 0:
            if self._may_run_late(function):
                return self._run_body(function, arguments)
            self._put_off(function, arguments)
            return Value(origins=arguments.origins) if arguments.origins else UNKNOWN
        key = (
            identity,
            function.scope,
            function.scope.state,
            self.changes,
            self._is_catching,
            self._marks,
            tuple(arguments.keywords),
            *(_signature(value) for value in arguments.all),
        )
        remembered = self._memory.get(key)
        if remembered is not None:
            for event in remembered[1]:
                self._keep(event)
            self._raised = join(self._raised, remembered[2])
            return remembered[0]
        start = len(self._stream.events)
        outer, self._raised = self._raised, UNKNOWN
        result = self._run_body(function, arguments)
        raised, self._raised = self._raised, join(outer, self._raised)
        # The arguments are kept so that the identities in the key stay theirs.
        self._memory[key] = (result, self._stream.events[start:], raised, arguments)
        return result

    def _may_run_late(self, function: Function) -> bool:
        """Whether a body is run though the fuel is used up: once, since later nobody knows what it
        was called with."""
        node = function.node
        if node in self._deferred_nodes or node in self._active or self._depth >= MAX_DEPTH:
            return False
        if not self.runs_unasked:
            return False
        self._deferred_nodes.add(node)
        return True

    def _put_off(self, function: Function, arguments: Arguments) -> None:
        """Has a call that is not followed run later, and with it what it was given to call."""
        self._defer(function, arguments)
        if not arguments.all or not self.runs_unasked:
            return
        for value in arguments.all:
            if value.function is not None:
                self._defer(value.function, NO_ARGUMENTS)
        if any(value.ref and canonical(value.ref) in SINKS for value in arguments.all):
            call = ast.Call(func=ast.Name(id=function.name), args=[], keywords=[])
            self._hand_on(arguments, ast.copy_location(call, function.node))

    def _defer(self, function: Function, arguments: Arguments) -> None:
        if function.node not in self._active and function.node not in self._deferred_nodes:
            self._deferred_nodes.add(function.node)
            self._deferred.append((function, arguments, self._stream.surface))

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

    def defaults_of(self, function: Function) -> Value:
        if isinstance(function.node, ast.ClassDef):
            return UNKNOWN
        defaults = function.node.args.defaults
        return sequence([self.evaluate(default, function.scope) for default in defaults])

    def _bind(
        self, spec: ast.arguments, function: Function, arguments: Arguments, scope: Scope
    ) -> None:
        parameters = [*spec.posonlyargs, *spec.args] if spec.posonlyargs else spec.args
        values = list(arguments.positional)
        if function.receiver is not None:
            values.insert(0, function.receiver)
        defaults = spec.defaults
        for offset, default in enumerate(defaults):
            position = len(parameters) - len(defaults) + offset
            if position >= len(values):
                name = parameters[position].arg
                scope.names[name] = self._default(name, default, function)
        for parameter, default_node in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
            scope.names[parameter.arg] = self._default(parameter.arg, default_node, function)
        for parameter, value in zip(parameters, values, strict=False):
            scope.names[parameter.arg] = value
        for name, value in arguments.keywords.items():
            scope.names[name] = value
        if spec.vararg is not None:
            rest = values[len(parameters) :]
            scope.names[spec.vararg.arg] = Value(parts=dict(enumerate(rest)))
        if spec.kwarg is not None:
            own = {parameter.arg for parameter in (*parameters, *spec.kwonlyargs)}
            others: dict[Constant, Value] = {
                key: value for key, value in arguments.keywords.items() if key not in own
            }
            if others:
                scope.names[spec.kwarg.arg] = Value(parts=others)
        for parameter in parameters:
            if parameter.arg not in scope.names:
                # A parameter of nothing known must not fall through to an outer name.
                scope.names[parameter.arg] = handed_value(parameter.arg)

    def _default(self, name: str, node: ast.expr | None, function: Function) -> Value:
        """What a parameter has that is not given: callers that nobody sees may hand it a key."""
        handed = handed_value(name)
        if node is None:
            return handed
        value = self.evaluate(node, function.scope)
        if handed is UNKNOWN or value is UNKNOWN:
            return handed if value is UNKNOWN else value
        return replace(value, origins=value.origins | handed.origins)

    def see_patch(self, owner: str, function: Function) -> None:
        """A function that takes the place of one of another package's sees what that one's callers
        hand over."""
        is_own = owner.partition(".")[0] in self.unit_path.split("/")
        if is_own or "(" in owner or isinstance(function.node, ast.ClassDef):
            return
        spec = function.node.args
        count = len(spec.posonlyargs) + len(spec.args) + 2 * (spec.vararg is not None)
        self.invoke(function, Arguments(positional=(Value(origins=HANDED),) * count))

    def see_return(self, value: Value) -> None:
        if len(self._returned) < 64:
            self._returned.append(value)

    def see_setup(self, arguments: Arguments, node: ast.Call) -> None:
        del node
        commands = arguments.keywords.get("cmdclass", UNKNOWN)
        for key, value in (commands.parts or {}).items():
            for one in (value, *value.others):
                if one.function is not None and one.function.is_class:
                    self.command_classes.append((str(key), one.function))

    def run_text(self, code: Value, node: ast.expr, scope: Scope) -> tuple[Value, bool]:
        text = code.text.lstrip("\ufeff \t")
        # A number or a name in quotes is no program; of these there may be many.
        self._nested_runs += "(" in text or "import" in text
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


def _signature(value: Value) -> object:
    const = value.const
    if isinstance(const, (str, bytes, tuple)) and len(const) > 2_000:
        const = hash(const)
    function = value.function
    parts = id(value.parts) if value.parts is not None else 0
    others = tuple(map(_signature, value.others)) if value.others else ()
    if function is None:
        return (const, value.ref, value.origins, None, parts, others)
    # One node makes many functions: what it closes over and is bound to is in its scopes.
    receiver = function.receiver.function if function.receiver is not None else None
    owner = function if function.is_class else function.scope
    return (const, value.ref, value.origins, function.node, parts, others, owner, receiver)
