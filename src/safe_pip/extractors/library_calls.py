"""Library calls: the builtins and functions whose result is known from their arguments."""

from __future__ import annotations

import ast
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace

from safe_pip.extractors.arguments import Arguments, names_in
from safe_pip.extractors.capabilities import DYNAMIC_BUILTINS, SINKS, Action, canonical
from safe_pip.extractors.containers import constant_items, element_of, sequence
from safe_pip.extractors.events import Mark
from safe_pip.extractors.expressions import bound_method
from safe_pip.extractors.file_calls import FileCalls
from safe_pip.extractors.folding import DISGUISING_FUNCTIONS, FUNCTIONS, fold_function
from safe_pip.extractors.lookups import builtin_text
from safe_pip.extractors.values import (
    DECODED,
    ENVIRONMENT,
    FILE,
    HOLE,
    UNKNOWN,
    Constant,
    Scope,
    Value,
    of_origins,
)

_DYNAMIC_NAMES = frozenset(
    """Popen __import__ check_output compile eval exec getattr open popen system urlopen""".split()  # noqa: SIM905
)
EXECUTING_CALLS = frozenset(("builtins.eval", "builtins.exec", "builtins.execfile"))
"""What runs text as code, other than the sinks."""

_LOOKED_IN = frozenset(("builtins", "os", "subprocess", "sys", "importlib"))
# Attributes through which everything else can be reached.
_DOORS = frozenset(("__builtins__", "__code__", "__globals__", "__subclasses__"))
_TELLING_MODULES = frozenset(
    """base64 builtins codecs ctypes marshal os pty socket subprocess urllib.request zlib""".split()  # noqa: SIM905
)


class LibraryCalls(FileCalls):
    """Evaluates calls of functions that are known one by one."""

    def __init__(self) -> None:
        super().__init__()
        self._written: dict[str, tuple[ast.expr, list[str]]] = {}
        self._special: dict[str, Callable[[str, Arguments, ast.Call, Scope], Value]] = {
            "builtins.__import__": self._import,
            "builtins.compile": self._compile,
            "builtins.dict": self._same,
            "builtins.enumerate": self._enumerate,
            "builtins.eval": self._execute,
            "builtins.exec": self._execute,
            "builtins.execfile": self._execute_file,
            "builtins.filter": self._map,
            "builtins.getattr": self._getattr,
            "builtins.list": self._same,
            "builtins.map": self._map,
            "builtins.open": self._open,
            "builtins.repr": self._same,
            "builtins.str": self._same,
            "builtins.vars": self._vars,
            "builtins.zip": self._zip,
            "__pyarmor__": self._run_packed,
            "_interpreters.exec": self._execute_second,
            "_interpreters.run_string": self._execute_second,
            "annotationlib.ForwardRef": self._forward_reference,
            "concurrent.interpreters.Interpreter.exec": self._execute,
            "concurrent.interpreters.create.exec": self._execute,
            "functools.partial": self._partial,
            "__loader__.load_module": self._import,
            "importlib.import_module": self._import,
            "importlib.machinery.SourceFileLoader": self._spec,
            "importlib.machinery.SourcelessFileLoader": self._spec,
            "importlib.util.spec_from_file_location": self._spec,
            "operator.attrgetter": self._getter,
            "operator.methodcaller": self._getter,
            "os.environ.copy": lambda *_: Value(origins=ENVIRONMENT),
            "os.environ.get": self._environment_variable,
            "os.getenv": self._environment_variable,
            "os.path.join": self._join_path,
            "pathlib.Path": self._path,
            "pathlib.Path.home": lambda *_: Value(const="~", is_partial=True, ref="pathlib.Path()"),
            "pathlib.PurePath": self._path,
            "runpy.run_path": self._execute_file,
            "sys.remote_exec": self._execute_file,
            "typing.ForwardRef": self._forward_reference,
        }

    @abstractmethod
    def call_by_name(self, name: str, callee: Value, arguments: Arguments, node: ast.Call) -> Value:
        """The call of a function that is known by its name only."""

    def _fold(self, name: str, arguments: Arguments, node: ast.Call) -> Value | None:
        constants = arguments.constants()
        folded = fold_function(name, *constants) if constants is not None else None
        if folded is None:
            return None
        origins = arguments.origins
        if name in SINKS:
            self._emit_sinks(name, UNKNOWN, arguments, node)
            origins = origins | DECODED
        elif name in DISGUISING_FUNCTIONS and not isinstance(folded, int):
            origins = origins | DECODED
        result = Value(const=folded, origins=origins)
        self.see_folded(result, node)
        return result

    def _execute(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        return self._execute_text(name, arguments.get(0, "source"), node, scope)

    def _execute_second(
        self, name: str, arguments: Arguments, node: ast.Call, scope: Scope
    ) -> Value:
        """Code for the interpreter that the first argument names."""
        return self._execute_text(name, arguments.get(1, "code"), node, scope)

    def _execute_text(self, name: str, code: Value, node: ast.Call, scope: Scope) -> Value:
        marks = self._name_marks(name, node)
        result = UNKNOWN
        acts = [
            self.run_text(other, node, scope)[1]
            for other in code.others
            if isinstance(other.const, (str, bytes))
        ]
        if isinstance(code.known, (str, bytes)):
            result, does_anything = self.run_text(code, node, scope)
            does_anything = does_anything or any(acts)
            is_hidden = "decoded" in code.origins or "network" in code.origins
            marks = marks | {Mark.LITERAL if does_anything or is_hidden else Mark.HARMLESS}
        elif isinstance(code.const, (str, bytes)) and HOLE not in code.text:
            # One of several texts, or one that may be another: what it does, the code may do.
            result, does_anything = self.run_text(replace(code, is_partial=False), node, scope)
            marks = marks | ({Mark.LITERAL} if does_anything else set())
        elif code.parts is not None and "path" in code.parts:
            marks = marks | self._member_marks(code.parts["path"].text, scope)
        self.emit(
            Action.EXECUTE,
            name,
            node,
            data=code.origins,
            text=code.text if code.const is not None else "",
            names=names_in(node),
            marks=marks,
        )
        return result if result is not UNKNOWN else Value(origins=code.origins)

    def _execute_file(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        # ``sys.remote_exec`` asks first in which process.
        path = arguments.get(1, "script") if name == "sys.remote_exec" else arguments.get(0)
        marks = self._name_marks(name, node) | self._member_marks(path.text, scope)
        self.emit(
            Action.EXECUTE,
            name,
            node,
            data=FILE,
            text=path.text,
            names=names_in(node),
            marks=marks,
        )
        return UNKNOWN

    def _forward_reference(
        self, name: str, arguments: Arguments, node: ast.Call, scope: Scope
    ) -> Value:
        """A name in quotes that may be evaluated later: a call in it is code."""
        text = arguments.get(0, "arg")
        if "(" in text.text:
            self.run_text(text, node, scope)
        return Value(ref=f"{name}()", origins=text.origins)

    def _compile(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del name, node, scope
        return arguments.get(0, "source")

    def _import(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del scope
        module = arguments.get(0, "name")
        if not isinstance(module.known, str):
            return UNKNOWN
        first = node.args[0] if node.args else None
        is_written_out = isinstance(first, ast.Constant) and name != "builtins.__import__"
        if not is_written_out and module.known in _TELLING_MODULES:
            self.see_hidden_lookup(node, f'imports "{module.known}" by a call')
        found = self.import_module(self._full_name(module.known))
        fromlist = arguments.get(3, "fromlist")
        if name == "builtins.__import__" and found.ref and fromlist is UNKNOWN:
            return Value(ref=found.ref.partition(".")[0])
        return found

    def _full_name(self, name: str) -> str:
        """The absolute name that ``import_module(".x", __package__)`` means."""
        relative = name.lstrip(".")
        folders = self.path.split("/")[:-1]
        n_up = len(name) - len(relative)
        return ".".join((*folders[: len(folders) - n_up + 1], relative)) if n_up else name

    def _getattr(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del name, scope
        owner, attribute = arguments.get(0), arguments.get(1)
        if isinstance(attribute.known, str):
            found = bound_method(owner, attribute.known)
            if found is not None:
                return found
            found = self.read_attribute(owner, attribute.known, node)
            name = canonical(found.ref)
            is_written_out = (
                attribute.known in self.written_words and "decoded" not in attribute.origins
            )
            is_telling = name in SINKS or attribute.known in _DOORS
            if name in DYNAMIC_BUILTINS or (is_telling and not is_written_out):
                self.see_hidden_lookup(node, f'looks "{attribute.known}" up by name')
            return found
        if canonical(owner.ref) in _LOOKED_IN:
            self.see_hidden_lookup(node, f"looks a computed name up in {canonical(owner.ref)}")
        return Value(origins=owner.origins) if owner.origins else UNKNOWN

    def _getter(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del scope
        attribute = arguments.get(0).known
        if isinstance(attribute, str) and attribute in _DYNAMIC_NAMES:
            self.see_hidden_lookup(node, f'looks "{attribute}" up by {name}')
        return Value(ref=f"{name}()", parts=dict(enumerate(arguments.positional)))

    def apply_getter(self, getter: Value, arguments: Arguments, node: ast.Call) -> Value:
        """``attrgetter("f")(x)`` and ``methodcaller("f", …)(x)``"""
        attribute, *words = (getter.parts or {}).values()
        if not isinstance(attribute.known, str):
            return of_origins(arguments.origins)
        found = self.read_attribute(arguments.get(0), attribute.known, node.func)
        if getter.ref == "operator.methodcaller()" and found.ref:
            given = Arguments(positional=tuple(words))
            return self.call_by_name(canonical(found.ref), found, given, node)
        return found

    def _vars(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del name, node, scope
        return arguments.positional[0] if arguments.positional else Value(ref="builtins.locals()")

    def _same(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        """``str``, ``list``, ``dict``: the same content in another form."""
        del scope
        if name in FUNCTIONS:
            folded = self._fold(name, arguments, node)
            if folded is not None:
                return folded
        if arguments.positional:
            value = arguments.positional[0]
            if name in ("builtins.str", "builtins.repr") and builtin_text(value.ref):
                return Value(const=builtin_text(value.ref))
            return Value(
                const=value.const if value.is_partial else None,
                is_partial=value.is_partial,
                origins=arguments.origins,
                parts=value.parts,
            )
        parts: dict[Constant, Value] = dict(arguments.keywords.items())
        return Value(parts=parts, origins=arguments.origins)

    def _enumerate(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del name, node, scope
        items = constant_items(arguments.get(0))
        if items is None or len(items) > 10_000:
            element = element_of(arguments.get(0))
            return Value(parts={HOLE: sequence([UNKNOWN, element])}, origins=element.origins)
        return sequence([sequence([Value(const=n), item]) for n, item in enumerate(items)])

    def _zip(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del name, node, scope
        columns = [constant_items(value) for value in arguments.positional]
        known = [column for column in columns if column is not None]
        if len(known) < len(columns) or any(len(column) > 10_000 for column in known):
            return Value(origins=arguments.origins)
        return sequence([sequence(list(row)) for row in zip(*known, strict=False)])

    def _map(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        function, source = arguments.get(0), arguments.get(1)
        items = constant_items(source)
        if items is None or len(items) > 20_000 or name.endswith("filter"):
            items = [element_of(source)]
        results = [self.apply(function, item, node, scope) for item in items]
        for other in function.others:
            self.apply(other, element_of(source), node, scope)
        return sequence(results)

    def apply(self, function: Value, item: Value, node: ast.Call, scope: Scope) -> Value:
        """``function(item)``, for a function that is passed around."""
        arguments = Arguments(positional=(item,))
        if function.function is not None:
            return self.invoke(function.function, arguments)
        name = canonical(function.ref)
        if name in self._special:
            return self._special[name](name, arguments, node, scope)
        folded = self._fold(name, arguments, node) if name in FUNCTIONS else None
        return folded or self.call_by_name(name, function, arguments, node)

    def _run_packed(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        """A packer's runtime: decrypts its argument and runs it."""
        del scope
        self.emit(Action.DECODE, name, node)
        self.emit(Action.EXECUTE, name, node, data=arguments.origins | DECODED)
        return UNKNOWN

    def _partial(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del name, scope
        bound = Arguments(positional=arguments.positional[1:], keywords=arguments.keywords)
        given = arguments.get(0)
        if canonical(given.ref) == "builtins.getattr" and canonical(bound.get(0).ref) in _LOOKED_IN:
            self.see_hidden_lookup(node, "makes a function that looks names up")
        if bound.positional and given.function is None:
            self.hand_over(given, bound, node)
        return given

    def _spec(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del node, scope
        return Value(ref=f"{name}()", parts={"path": arguments.get(1, "location")})

    def _environment_variable(
        self, name: str, arguments: Arguments, node: ast.Call, scope: Scope
    ) -> Value:
        del name, node, scope
        variable = arguments.get(0, "key")
        return self.variable(variable.text) if variable.known is not None else UNKNOWN
