"""Go-betweens: functions of the library that run what they are given or what a text names.

None of them acts by itself, and each can stand between code and what it does: a hook, a key
function, a dotted name in settings, an example in a docstring, the command of a browser.
"""

from __future__ import annotations

import ast
import itertools
import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from safe_pip.extractors.arguments import NO_ARGUMENTS, Arguments
from safe_pip.extractors.boxes import Boxes
from safe_pip.extractors.capabilities import DYNAMIC_BUILTINS, SINKS, Action, canonical
from safe_pip.extractors.containers import element_of
from safe_pip.extractors.folding import FUNCTIONS
from safe_pip.extractors.values import UNKNOWN, Constant, Function, Scope, Value

# Which argument is called, by position and keyword, and with an element of which other one.
_APPLYING: Mapping[str, tuple[int, str, int | None]] = {
    "codecs.register": (0, "search_function", None),
    "codecs.register_error": (1, "error_handler", None),
    "collections.defaultdict": (0, "default_factory", None),
    "gc.callbacks.append": (0, "", None),
    "inspect.getmembers": (1, "predicate", 0),
    "itertools.accumulate": (1, "func", 0),
    "itertools.dropwhile": (0, "", 1),
    "itertools.filterfalse": (0, "", 1),
    "itertools.groupby": (1, "key", 0),
    "itertools.takewhile": (0, "", 1),
    "re.sub": (1, "repl", 2),
    "re.subn": (1, "repl", 2),
    "shutil.rmtree": (2, "onerror", None),
    "sqlite3.connect.create_collation": (1, "", None),
    "sqlite3.connect.create_function": (2, "func", None),
    "sqlite3.connect.set_authorizer": (0, "authorizer_callback", None),
    "sqlite3.connect.set_progress_handler": (0, "progress_handler", None),
    "sqlite3.connect.set_trace_callback": (0, "trace_callback", None),
    "sys.path_hooks.append": (0, "", None),
    "sys.path_hooks.insert": (1, "", None),
    "threading.setprofile": (0, "func", None),
    "threading.settrace": (0, "func", None),
}
_WRAPPERS = ("functools.cache", "functools.lru_cache", "functools.singledispatch")
_HOOKS = ("object_hook", "object_pairs_hook", "parse_constant", "parse_float", "parse_int")
_FINDER_METHODS = ("find_spec", "find_module", "find_distributions")
_EXAMPLE = re.compile(r"^[ \t]*(?:>>>|\.\.\.)[ \t]?(.*)$", re.MULTILINE)
_TCL_EXEC = re.compile(r"(?:^|[\[;{\s])(?:exec|open[ \t{\"]*\|)[ \t]+(.{1,4000})", re.DOTALL)
_MAX_SETTINGS = 500
_MAX_NAME_CHARS = 200
_MAX_EXAMPLES_CHARS = 1 << 16
# What nobody hands around who does not want it called.
HANDED_AROUND = frozenset(
    name
    for name, sinks in SINKS.items()
    if name.startswith(("os.", "pty.", "subprocess.get"))
    and any(sink.action is Action.SPAWN for sink in sinks)
)


class GoBetweens(Boxes):
    """Evaluates calls that call, look up or run something else."""

    def __init__(self) -> None:
        super().__init__()
        self._special |= {
            **dict.fromkeys(_APPLYING, self._apply_given),
            **dict.fromkeys(_WRAPPERS, self._wrap),
            "ast.parse": self._compile,
            "builtins.breakpoint": self._break,
            "builtins.iter": self._iterate,
            "doctest.run_docstring_examples": self._run_examples,
            "doctest.script_from_examples": self._script_of,
            "doctest.testfile": self._run_examples,
            "doctest.testmod": self._run_examples,
            "json.load": self._read_with_hooks,
            "json.loads": self._read_with_hooks,
            "logging.config.dictConfig": self._make_from_settings,
            "__loader__.get_data": self._read_file,
            "fileinput.input": self._read_file,
            "os.open": self._open_descriptor,
            "os.read": self._read_descriptor,
            "pkgutil.resolve_name": self._resolve,
            "pydoc.locate": self._resolve,
            "sys.meta_path.append": self._add_finder,
            "sys.meta_path.insert": self._add_finder,
            "tkinter.Tcl.call": self._run_tcl,
            "tkinter.Tcl.eval": self._run_tcl,
            "tkinter.Tk.call": self._run_tcl,
            "tkinter.Tk.eval": self._run_tcl,
            "tkinter.Tk.tk.call": self._run_tcl,
            "tkinter.Tk.tk.eval": self._run_tcl,
            "webbrowser.get": self._start_browser,
            "webbrowser.open": self._open_page,
            "webbrowser.open_new": self._open_page,
            "webbrowser.open_new_tab": self._open_page,
        }

    @abstractmethod
    def run_members(self, function: Function, names: Sequence[str]) -> None:
        """Runs those of a class's methods that it has."""

    @property
    @abstractmethod
    def is_started_by_hand(self) -> bool:
        """Whether what runs is what somebody starts as a program."""

    def _apply_given(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del scope
        place, keyword, source = _APPLYING[name]
        given = arguments.get(place, keyword)
        if given is not UNKNOWN:
            item = UNKNOWN if source is None else element_of(arguments.get(source))
            if name.startswith("re."):
                whole = arguments.get(2)
                item = Value(parts={0: whole}, origins=whole.origins)
            self.hand_over(given, Arguments(positional=(item,)), node)
        folded = self._fold(name, arguments, node) if name in FUNCTIONS else None
        return folded or self.call_by_name(name, Value(ref=name), arguments, node)

    def _iterate(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        if len(arguments.positional) > 1:
            self.hand_over(arguments.get(0), NO_ARGUMENTS, node)
            return Value(origins=arguments.origins)
        return self._same(name, arguments, node, scope)

    def _wrap(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        """``lru_cache(f)`` is called as ``f`` is."""
        del scope
        given = self.own(arguments.get(0))
        if given.function is not None or canonical(given.ref) in SINKS:
            return given
        return self.call_by_name(name, Value(ref=name), arguments, node)

    def _read_with_hooks(
        self, name: str, arguments: Arguments, node: ast.Call, scope: Scope
    ) -> Value:
        read = self._document if name.endswith("loads") else self._document_of_file
        result = read(name, arguments, node, scope)
        for hook in _HOOKS:
            given = arguments.keywords.get(hook)
            if given is not None:
                item = arguments.get(0) if hook.startswith("parse") else result
                self.hand_over(given, Arguments(positional=(item,)), node)
        return result

    def _add_finder(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        """Whoever imports asks it."""
        del name, node, scope
        finder = arguments.positional[-1].function if arguments.positional else None
        if finder is not None:
            self.run_members(finder, _FINDER_METHODS)
        return UNKNOWN

    def _read_file(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del name, node, scope
        return self._content(arguments.get(0), arguments.origins)

    def _open_descriptor(
        self, name: str, arguments: Arguments, node: ast.Call, scope: Scope
    ) -> Value:
        result = self.call_by_name(name, Value(ref=name), arguments, node)
        del scope
        return replace(result, parts={"path": arguments.get(0)})

    def _read_descriptor(
        self, name: str, arguments: Arguments, node: ast.Call, scope: Scope
    ) -> Value:
        del scope
        path = (arguments.get(0).parts or {}).get("path")
        if path is not None:
            return self._content(path, arguments.origins)
        return self.call_by_name(name, Value(ref=name), arguments, node)

    def _resolve(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del scope
        written = arguments.get(0)
        if isinstance(written.known, str):
            return self._find_by_name(written.known, node)
        return self.call_by_name(name, Value(ref=name), arguments, node)

    def _find_by_name(self, written: str, node: ast.Call) -> Value:
        """What ``os:system`` or ``os.system`` names."""
        if len(written) > _MAX_NAME_CHARS:
            return UNKNOWN
        module, sign, attributes = written.partition(":")
        if not sign:
            module, _, attributes = written.rpartition(".")
        found = self.import_module(module) if module else UNKNOWN
        for attribute in attributes.split("."):
            if attribute:
                found = self.read_attribute(found, attribute, node)
        name = canonical(found.ref)
        if name in DYNAMIC_BUILTINS or name in SINKS:
            self.see_hidden_lookup(node, f'looks "{written}" up by name')
        return found

    def _break(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        """``breakpoint()`` calls what a variable of the environment names."""
        del name, scope
        hook = self.own_variable("PYTHONBREAKPOINT")
        if isinstance(hook.known, str) and "." in hook.known:
            self.hand_over(self._find_by_name(hook.known, node), arguments, node)
        return UNKNOWN

    def _make_from_settings(
        self, name: str, arguments: Arguments, node: ast.Call, scope: Scope
    ) -> Value:
        """In settings of logging ``()`` names what is called with all that stands beside it."""
        del scope
        for parts in _tables(arguments.get(0)):
            factory = parts.get("()", UNKNOWN)
            if isinstance(factory.known, str):
                factory = self._find_by_name(factory.known, node)
            rest = tuple(part for key, part in parts.items() if key != "()")
            if factory is not UNKNOWN:
                self.hand_over(factory, Arguments(positional=rest), node)
        return self.call_by_name(name, Value(ref=name), arguments, node)

    def _run_tcl(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        """Tcl has an ``exec`` of its own."""
        del scope
        words = " ".join(value.text for value in arguments.all)
        command = _TCL_EXEC.search(words)
        if command is not None:
            given = Arguments(positional=(Value(const=command[1], is_partial=True),))
            self._emit_sinks(name, UNKNOWN, given, node)
        return Value(origins=arguments.origins)

    def _start_browser(
        self, name: str, arguments: Arguments, node: ast.Call, scope: Scope
    ) -> Value:
        """The name of a browser, or a command line with a place for the address."""
        del scope
        command = arguments.get(0, "using").text
        if "%" in command or " " in command.strip():
            self._emit_sinks("webbrowser.get", UNKNOWN, arguments, node)
        return Value(ref=f"{name}()")

    def _open_page(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        command = self.own_variable("BROWSER")
        if command.known is not None:
            self._start_browser(name, Arguments(positional=(command,)), node, scope)
        return self.call_by_name(name, Value(ref=name), arguments, node)

    def _script_of(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del scope
        text = arguments.get(0).known
        if isinstance(text, str):
            return Value(const=_code_of(text), origins=arguments.origins)
        return self.call_by_name(name, Value(ref=name), arguments, node)

    def _run_examples(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        """Examples are tested as code; by who starts the module itself, nothing else is done."""
        if not self.is_started_by_hand:
            for text in self._texts_of_examples(name, arguments, scope):
                code = _code_of(text[:_MAX_EXAMPLES_CHARS])
                if code:
                    self.run_text(Value(const=code), node, scope)
        return self.call_by_name(name, Value(ref=name), arguments, node)

    def _texts_of_examples(self, name: str, arguments: Arguments, scope: Scope) -> Iterator[str]:
        if name == "doctest.testfile":
            yield self.read_member(arguments.get(0).text) or ""
            return
        names = scope.globals.names
        values = [arguments.get(0)] if name.startswith("doctest.run") else list(names.values())
        if name == "doctest.testmod":
            yield names.get("__doc__", UNKNOWN).text
        for value in values:
            if value.function is not None and not isinstance(value.function.node, ast.Lambda):
                yield ast.get_docstring(value.function.node, clean=False) or ""


def _tables(settings: Value) -> Iterator[Mapping[Constant, Value]]:
    """The tables in settings that name what makes something, as far as they are known by part."""
    waiting = [settings]
    for _ in range(_MAX_SETTINGS):
        if not waiting:
            return
        parts = waiting.pop().parts or {}
        if "()" in parts:
            yield parts
        waiting.extend(itertools.islice(parts.values(), _MAX_SETTINGS))


def _code_of(text: str) -> str:
    return "\n".join(_EXAMPLE.findall(text))
