"""Calls: what each call resolves to, what it does to the world, and what it gives back."""

from __future__ import annotations

import ast
import re
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from safe_pip.extractors.capabilities import DYNAMIC_BUILTINS, SINKS, Action, Sink, canonical
from safe_pip.extractors.commands import CommandFact, read_command
from safe_pip.extractors.events import Mark
from safe_pip.extractors.expressions import (
    DECODED,
    Expressions,
    builtin_text,
    constant_items,
    element_of,
    sequence,
    text_value,
    variable_value,
)
from safe_pip.extractors.folding import (
    DISGUISING_FUNCTIONS,
    FUNCTIONS,
    fold_function,
    fold_method,
)
from safe_pip.extractors.patterns import is_secret_path
from safe_pip.extractors.triggers import earns_tree
from safe_pip.extractors.values import (
    HOLE,
    NO_ORIGINS,
    UNKNOWN,
    Constant,
    Function,
    Origins,
    Scope,
    Value,
    join_origins,
)

_MAX_REF_CHARS = 200
_MAX_NAMED_NODES = 80
_ENVIRONMENT: Origins = frozenset(("environment",))
_SOCKET: Origins = frozenset(("socket",))
_HOST: Origins = frozenset(("host",))
_SECRET: Origins = frozenset(("secret",))
_FILE: Origins = frozenset(("file",))

_TEXT_METHODS = frozenset(
    """encode decode strip lstrip rstrip lower upper title format_map as_posix resolve absolute
    expanduser expandvars casefold splitlines""".split()  # noqa: SIM905
)
_GROWING_METHODS = frozenset(("append", "add", "extend", "insert", "update", "appendleft"))
_READING_METHODS = frozenset(("read", "readline", "readlines", "read_text", "read_bytes"))
_WRITING_METHODS = frozenset(("write", "writelines", "write_text", "write_bytes"))
_FETCHING_METHODS = frozenset(
    ("delete", "download", "fetch", "get", "open", "patch", "post", "put", "request", "urlopen")
)
_CALLBACK_CALLS = frozenset(
    """asyncio.create_task asyncio.ensure_future asyncio.gather asyncio.get_event_loop.create_task
    asyncio.get_event_loop.run_until_complete asyncio.new_event_loop.run_until_complete
    asyncio.run asyncio.to_thread asyncio.run_coroutine_threadsafe atexit.register
    builtins.sorted builtins.max builtins.min functools.reduce
    concurrent.futures.ProcessPoolExecutor.map concurrent.futures.ProcessPoolExecutor.submit
    concurrent.futures.ThreadPoolExecutor.map concurrent.futures.ThreadPoolExecutor.submit
    contextlib.ExitStack.callback multiprocessing.Pool.map multiprocessing.Pool.apply_async
    multiprocessing.Process sys.addaudithook sys.settrace sys.setprofile
    _thread.start_new _thread.start_new_thread
    threading.Thread threading.Timer weakref.finalize""".split()  # noqa: SIM905
)
_FUNCTION_MAKERS = frozenset(("types.FunctionType", "types.LambdaType", "new.function"))
_DYNAMIC_NAMES = frozenset(
    """Popen __import__ check_output compile eval exec getattr open popen system urlopen""".split()  # noqa: SIM905
)
_TELLING_MODULES = frozenset(
    """base64 builtins codecs ctypes marshal os pty socket subprocess urllib.request zlib""".split()  # noqa: SIM905
)
_FILE_REFS = frozenset(("builtins.open()", "pathlib.Path()"))
_SETUP_CALLS = frozenset(
    ("setuptools.setup", "distutils.core.setup", "skbuild.setup", "numpy.distutils.core.setup")
)
_PATH_CALLS = frozenset(
    f"os.path.{name}"
    for name in (
        "abspath",
        "basename",
        "dirname",
        "expanduser",
        "expandvars",
        "normpath",
        "realpath",
    )
)
_TEMPORARY_CALLS = frozenset(
    f"tempfile.{name}"
    for name in ("NamedTemporaryFile", "gettempdir", "mkdtemp", "mkstemp", "mktemp")
)
_DECODING_METHODS = frozenset(
    """a85decode b16decode b32decode b64decode b85decode decompress decrypt unhexlify
    urlsafe_b64decode""".split()  # noqa: SIM905
)
_TELLING_PROGRAMS = frozenset(
    """arp hostname hostnamectl id ifconfig ip ipconfig lsb_release netstat systeminfo sw_vers
    tasklist uname users w who whoami wmic""".split()  # noqa: SIM905
)
_MIN_CODE_CHARS = 24
_MAX_WRITTEN_FILES = 64
_MAX_WRITTEN_PIECES = 500
_SCRIPT_SUFFIXES = (".sh", ".bash", ".bat", ".cmd", ".ps1", ".vbs", ".js", ".exe", ".scr")
_MAX_COMMAND_WORDS = 40
_DETACHING_KEYWORDS = frozenset(("creationflags", "preexec_fn", "start_new_session"))
_FORMAT_FIELD = re.compile(r"\{(\w*)[^{}]*\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """The evaluated arguments of one call."""

    positional: tuple[Value, ...] = ()
    keywords: Mapping[str, Value] = field(default_factory=dict)

    def get(self, position: int, keyword: str = "") -> Value:
        if position < len(self.positional):
            return self.positional[position]
        return self.keywords.get(keyword, UNKNOWN)

    @property
    def all(self) -> tuple[Value, ...]:
        return (*self.positional, *self.keywords.values())

    @property
    def origins(self) -> Origins:
        return join_origins(*self.all)

    def constants(self) -> tuple[list[Constant], dict[str, Constant]] | None:
        """All arguments, if all of them are known."""
        positional = [value.known for value in self.positional]
        keywords = {name: value.known for name, value in self.keywords.items()}
        if None in positional or None in keywords.values():
            return None
        return positional, keywords  # type: ignore[return-value]


class Calls(Expressions):
    """Evaluates calls; running functions and nested code is left to the subclass."""

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
            "builtins.iter": self._same,
            "builtins.list": self._same,
            "builtins.map": self._map,
            "builtins.open": self._open,
            "builtins.print": lambda *_: UNKNOWN,
            "builtins.repr": self._same,
            "builtins.str": self._same,
            "builtins.vars": self._vars,
            "builtins.zip": self._zip,
            "__pyarmor__": self._run_packed,
            "functools.partial": self._partial,
            "importlib.import_module": self._import,
            "importlib.machinery.SourceFileLoader": self._spec,
            "importlib.machinery.SourcelessFileLoader": self._spec,
            "importlib.util.spec_from_file_location": self._spec,
            "operator.attrgetter": self._getter,
            "operator.methodcaller": self._getter,
            "os.environ.copy": lambda *_: Value(origins=frozenset(("environment",))),
            "os.environ.get": self._environment_variable,
            "os.getenv": self._environment_variable,
            "os.path.join": self._join_path,
            "pathlib.Path": self._path,
            "pathlib.Path.home": lambda *_: Value(const="~", is_partial=True, ref="pathlib.Path()"),
            "pathlib.PurePath": self._path,
            "runpy.run_path": self._execute_file,
        }

    @abstractmethod
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
    ) -> None: ...

    @abstractmethod
    def invoke(self, function: Function, arguments: Arguments) -> Value: ...

    @abstractmethod
    def import_module(self, name: str) -> Value: ...

    @abstractmethod
    def run_text(self, code: Value, node: ast.expr, scope: Scope) -> tuple[Value, bool]:
        """Runs a constant as code in the scope; gives the value of an expression, and whether
        the code does anything of note or cannot be read."""

    @abstractmethod
    def run_member(self, path: str, scope: Scope) -> bool | None:
        """Runs a file of the distribution as code. True if it does anything of note, False if
        not, None if there is no such file."""

    @abstractmethod
    def read_member(self, path: str) -> str | None:
        """The text of a file of the distribution, found by a path with holes."""

    @abstractmethod
    def see_setup(self, arguments: Arguments, node: ast.Call) -> None: ...

    def call(self, node: ast.Call, scope: Scope) -> Value:
        receiver = UNKNOWN
        method = ""
        if isinstance(node.func, ast.Attribute):
            method = node.func.attr
            receiver = self.evaluate(node.func.value, scope)
            if receiver.ref in _FILE_REFS:
                # What a file or path gives depends on its path, not on the name of the method.
                arguments = self._arguments(node, scope)
                result = self._method(receiver, method, arguments, node)
                return UNKNOWN if result is None else result
            callee = self.attribute(receiver, method, node.func)
        else:
            callee = self.evaluate(node.func, scope)
        arguments = self._arguments(node, scope)
        if callee.function is not None:
            return self.invoke(callee.function, arguments)
        name = canonical(callee.ref)
        special = self._special.get(name)
        if special is not None:
            return special(name, arguments, node, scope)
        if method:
            result = self._method(receiver, method, arguments, node)
            if result is not None:
                return result
        if name in FUNCTIONS:
            folded = self._fold(name, arguments, node)
            if folded is not None:
                return folded
        if name:
            return self._named_call(name, callee, arguments, node)
        written = method or _written_name(node)
        if written in self._special:
            return self._special[written](written, arguments, node, scope)
        return self._unknown_call(written, arguments, node, callee)

    def _arguments(self, node: ast.Call, scope: Scope) -> Arguments:
        positional: list[Value] = []
        for argument in node.args:
            value = self.evaluate(argument, scope)
            items = constant_items(value) if isinstance(argument, ast.Starred) else None
            positional.extend((value,) if items is None else items)
        keywords: dict[str, Value] = {}
        for keyword in node.keywords:
            value = self.evaluate(keyword.value, scope)
            if keyword.arg is not None:
                keywords[keyword.arg] = value
            elif value.parts is not None:
                keywords.update({str(key): part for key, part in value.parts.items()})
            elif value.origins:
                keywords["**"] = value
        return Arguments(positional=tuple(positional), keywords=keywords)

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

    def _method(
        self, receiver: Value, method: str, arguments: Arguments, node: ast.Call
    ) -> Value | None:
        """A method of a constant, a container, a file or the environment; None if it is none."""
        if method in ("__str__", "__repr__") and builtin_text(receiver.ref):
            return Value(const=builtin_text(receiver.ref))
        if receiver.ref and canonical(receiver.ref) == "builtins.open":
            return self._file_method(receiver, method, arguments, node)
        if receiver.ref.startswith("pathlib.Path()"):
            return self._path_method(receiver, method, arguments, node)
        if receiver.ref == "os.environ" and method in ("items", "values", "keys"):
            return Value(origins=receiver.origins)
        if receiver.const is not None:
            return self._constant_method(receiver, method, arguments, node)
        if method in _GROWING_METHODS and isinstance(node.func, ast.Attribute):
            self._grow(receiver, arguments, node.func.value)
            return UNKNOWN
        if receiver.parts is not None and not receiver.ref:
            if method == "get":
                return self.item(receiver, arguments.get(0), Scope(module=""), node)
            if method in ("values", "items", "copy", "keys"):
                return Value(parts=receiver.parts, origins=receiver.origins)
        return None

    def _constant_method(
        self, receiver: Value, method: str, arguments: Arguments, node: ast.Call
    ) -> Value | None:
        assert receiver.const is not None
        origins = receiver.origins | arguments.origins
        constants = arguments.constants()
        if receiver.known is not None and constants is not None:
            folded = fold_method(receiver.known, method, *constants)
            if folded is not None:
                if method in ("translate", "decode") and not isinstance(receiver.const, bytes):
                    origins = origins | DECODED
                result = Value(const=folded, origins=origins)
                self.see_folded(result, node)
                return result
        if isinstance(receiver.const, str):
            if method == "format":
                return text_value(_fill_format(receiver.const, arguments), origins)
            if method == "join" and arguments.positional:
                items = constant_items(arguments.positional[0])
                if items is not None and len(items) <= 1_000:
                    text = receiver.const.join(item.text for item in items)
                    return text_value(text, origins)
            if method in ("joinpath", "replace", *_TEXT_METHODS):
                texts = [receiver.const, *(value.text for value in arguments.positional)]
                text = "/".join(texts) if method == "joinpath" else receiver.const
                return text_value(text, origins)
        return Value(origins=origins) if origins and not receiver.ref else None

    def _grow(self, receiver: Value, arguments: Arguments, target: ast.expr) -> None:
        """``target.append(…)``: the container's variable now holds the argument as well."""
        if not isinstance(target, (ast.Name, ast.Attribute)) or self._growing_scope is None:
            return
        parts = dict(receiver.parts or {})
        for value in arguments.positional:
            if len(parts) < 64:
                parts[len(parts)] = value
        grown = Value(parts=parts, origins=receiver.origins | arguments.origins, ref=receiver.ref)
        self.assign(target, grown, self._growing_scope)

    _growing_scope: Scope | None = None

    def _file_method(
        self, handle: Value, method: str, arguments: Arguments, node: ast.Call
    ) -> Value:
        path = (handle.parts or {}).get("path", UNKNOWN)
        if method in _READING_METHODS:
            return self._content(path, handle.origins)
        if method in _WRITING_METHODS:
            self._note_written(path, arguments, node)
            self.emit(
                Action.WRITE,
                "builtins.open.write",
                node,
                data=arguments.origins,
                text=path.text,
                names=self._names_in(node) | _names_of(handle),
            )
            return UNKNOWN
        return handle if method == "__enter__" else Value(origins=handle.origins)

    def _path_method(self, path: Value, method: str, arguments: Arguments, node: ast.Call) -> Value:
        if method in _READING_METHODS:
            if "secret-path" in path.origins:
                self.emit(Action.SECRET, f"pathlib.Path.{method}", node, text=path.text)
            return self._content(path, path.origins)
        if method in _WRITING_METHODS:
            self._note_written(path, arguments, node)
            self.emit(
                Action.WRITE,
                f"pathlib.Path.{method}",
                node,
                data=arguments.origins,
                text=path.text,
                names=self._names_in(node),
            )
            return UNKNOWN
        if method == "open":
            return self._open(
                "builtins.open",
                Arguments(positional=(path, *arguments.positional), keywords=arguments.keywords),
                node,
                Scope(module=""),
            )
        if method in ("joinpath", "with_name", "__truediv__"):
            text = "/".join((path.text, *(value.text for value in arguments.positional)))
            joined = text_value(text, path.origins | arguments.origins)
            return Value(const=text, is_partial=True, ref="pathlib.Path()", origins=joined.origins)
        if method in ("unlink", "rmdir"):
            self._delete(path, f"pathlib.Path.{method}", node)
            return UNKNOWN
        return path if method in _TEXT_METHODS else Value(origins=path.origins)

    def _note_written(self, path: Value, arguments: Arguments, node: ast.Call) -> None:
        """Keeps the constants that are written to a file, in order."""
        for value in arguments.positional:
            if isinstance(value.const, (str, bytes)) and len(self._written) < _MAX_WRITTEN_FILES:
                _first, pieces = self._written.setdefault(path.text, (node, []))
                if len(pieces) < _MAX_WRITTEN_PIECES:
                    pieces.append(value.text)

    def read_written_code(self, scope: Scope) -> None:
        """Code that was written to files is read as if it ran: nobody writes it for nothing."""
        written, self._written = self._written, {}
        for node, pieces in written.values():
            code = "".join(pieces)
            if len(code) >= _MIN_CODE_CHARS and earns_tree(code.encode("utf-8", "replace")):
                self.run_text(Value(const=code), node, Scope(module=scope.module))

    def _content(self, path: Value, origins: Origins) -> Value:
        found = _FILE | (origins - {"secret-path"})
        if "secret-path" in path.origins or "secret-path" in origins:
            found = found | _SECRET
        return Value(origins=found, parts={"path": path})

    def _open(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del scope
        path = arguments.get(0, "file")
        mode = arguments.get(1, "mode")
        mode_text = mode.const if isinstance(mode.const, str) else "r"
        if any(letter in mode_text for letter in "wax+"):
            self.emit(Action.WRITE, name, node, text=path.text, names=self._names_in(node))
        elif "secret-path" in path.origins:
            self.emit(Action.SECRET, name, node, text=path.text)
        origins = path.origins & {"secret-path", "network"}
        return Value(ref="builtins.open()", origins=origins, parts={"path": path})

    def _named_call(self, name: str, callee: Value, arguments: Arguments, node: ast.Call) -> Value:
        if name in _SETUP_CALLS:
            self.see_setup(arguments, node)
            return UNKNOWN
        if name in _PATH_CALLS:
            path = arguments.get(0)
            ref = "__file__" if path.ref == "__file__" and path.const == HOLE else ""
            if name.endswith(("dirname", "basename")):
                return Value(const=HOLE, is_partial=True, ref=ref, origins=path.origins)
            return path if path.const is not None else Value(const=HOLE, is_partial=True)
        if name == "tempfile.NamedTemporaryFile":
            path = Value(const="{tmp}", is_partial=True)
            return Value(ref="builtins.open()", parts={"path": path, "name": path})
        if name in _TEMPORARY_CALLS:
            return Value(const="{tmp}", is_partial=True, ref=f"{callee.ref}()")
        if name in SINKS:
            self._emit_sinks(name, callee, arguments, node)
            return self._sink_result(name, callee, arguments)
        if name.rpartition(".")[2] in _DECODING_METHODS:
            return self._decode(name, callee, arguments, node)
        if name == "socket.socket":
            return Value(ref="socket.socket()", origins=_SOCKET)
        if name in _CALLBACK_CALLS:
            self._call_back(arguments)
        if _has_url(arguments) and name.rpartition(".")[2] in _FETCHING_METHODS:
            return self._fetch(name, arguments, node)
        ref = f"{callee.ref}()" if len(callee.ref) < _MAX_REF_CHARS else ""
        return Value(ref=ref, origins=callee.origins | self._passed_through(name, arguments))

    def _decode(self, name: str, callee: Value, arguments: Arguments, node: ast.Call) -> Value:
        """A decoder known by its method's name alone, whatever library it is of."""
        self.emit(Action.DECODE, name, node, data=arguments.origins)
        return Value(origins=DECODED | callee.origins | arguments.origins)

    @staticmethod
    def _passed_through(name: str, arguments: Arguments) -> Origins:
        # A digest or a length says nothing of the secret that it was made from.
        if name.startswith("hashlib.") or name in ("builtins.len", "builtins.isinstance"):
            return NO_ORIGINS
        return arguments.origins

    def _unknown_call(
        self, method: str, arguments: Arguments, node: ast.Call, callee: Value
    ) -> Value:
        if method == "setup" and "name" in arguments.keywords:
            self.see_setup(arguments, node)
            return UNKNOWN
        if method in _FETCHING_METHODS and _has_url(arguments):
            return self._fetch(method, arguments, node)
        if method in _DECODING_METHODS:
            return self._decode(method, callee, arguments, node)
        if method in ("submit", "create_task", "run_until_complete", "start_new_thread"):
            self._call_back(arguments)
        origins = callee.origins | arguments.origins
        return Value(origins=origins) if origins else UNKNOWN

    def _fetch(self, name: str, arguments: Arguments, node: ast.Call) -> Value:
        self.emit(
            Action.NETWORK,
            name,
            node,
            data=arguments.origins,
            text=next((v.text for v in arguments.all if "://" in v.text), ""),
            names=self._names_in(node),
        )
        return Value(origins=frozenset(("network",)))

    def _call_back(self, arguments: Arguments) -> None:
        values = [*arguments.positional, *arguments.keywords.values()]
        bound = arguments.keywords.get("args", UNKNOWN)
        passed = Arguments(positional=tuple(constant_items(bound) or ()))
        for value in values:
            if value.function is not None and not value.function.is_class:
                self.invoke(value.function, passed)

    def _emit_sinks(self, name: str, callee: Value, arguments: Arguments, node: ast.Call) -> None:
        for sink in SINKS[name]:
            self._emit_sink(sink, name, callee, arguments, node)

    def _emit_sink(
        self, sink: Sink, name: str, callee: Value, arguments: Arguments, node: ast.Call
    ) -> None:
        marks = self._name_marks(name, node)
        text = arguments.positional[0].text if arguments.positional else ""
        match sink.action:
            case Action.SPAWN:
                self._spawn(name, arguments, node, marks)
                return
            case Action.DELETE:
                self._delete(arguments.get(0), name, node)
                return
            case Action.THREAD:
                self._call_back(arguments)
                if arguments.keywords.get("daemon", UNKNOWN).known == 1:
                    marks = marks | {Mark.DAEMON}
            case Action.DELAY:
                seconds = arguments.get(0).known
                if not isinstance(seconds, (int, float)) or seconds < 20:
                    return
            case Action.READ:
                return
            case Action.EXECUTE if name in _FUNCTION_MAKERS and not arguments.origins:
                return
            case Action.LOAD:
                text, marks = self._load(callee, arguments, marks)
            case Action.NETWORK:
                text = next((v.text for v in arguments.all if "://" in v.text), text)
            case Action.WRITE if name.startswith(("os.", "shutil.")):
                text = arguments.get(1).text
        if text == HOLE:
            text = ""
        self.emit(
            sink.action,
            name,
            node,
            data=arguments.origins,
            text=text,
            names=self._names_in(node),
            marks=marks,
        )

    def _load(
        self, callee: Value, arguments: Arguments, marks: frozenset[Mark]
    ) -> tuple[str, frozenset[Mark]]:
        """Code loaded from a path: what the path is, and whether what it holds was read."""
        path = (callee.parts or {}).get("path", arguments.get(1 if "imp." in callee.ref else 0))
        return path.text, marks | self._member_marks(path.text, Scope(module=""))

    def _member_marks(self, path: str, scope: Scope) -> frozenset[Mark]:
        """Runs the file of the distribution that a path means, if there is one."""
        does_anything = self.run_member(path, scope)
        if does_anything is None:
            return frozenset()
        return frozenset((Mark.LITERAL if does_anything else Mark.HARMLESS,))

    def _spawn(
        self, name: str, arguments: Arguments, node: ast.Call, marks: frozenset[Mark]
    ) -> None:
        text = command_text(arguments)
        command = read_command(text)
        facts = command.facts | self._run_named_members(text)
        if (
            _DETACHING_KEYWORDS & arguments.keywords.keys()
            or CommandFact.HIDDEN in command.facts
            or name.endswith("startfile")
            or (
                arguments.keywords.get("stdout", UNKNOWN).ref == "subprocess.DEVNULL"
                and name == "subprocess.Popen"
            )
        ):
            marks = marks | {Mark.DETACHED}
        self.emit(
            Action.SPAWN,
            name,
            node,
            data=join_origins(*arguments.positional, arguments.keywords.get("args", UNKNOWN))
            | (arguments.origins & _SOCKET)
            | (_HOST if CommandFact.TELLS_HOST in facts else NO_ORIGINS),
            text=text if text != HOLE else "",
            names=self._names_in(node),
            marks=marks,
            facts=facts,
        )
        for code in command.python_code:
            self.run_text(Value(const=code), node, Scope(module=""))

    def _run_named_members(self, command: str) -> frozenset[CommandFact]:
        """Runs the scripts of the distribution that a command line names."""
        facts: set[CommandFact] = set()
        for word in command.split()[:_MAX_COMMAND_WORDS]:
            name = word.strip("\"'&;")
            if name.endswith((".py", ".pyw")):
                if self.run_member(name, Scope(module="")) is not None:
                    facts.add(CommandFact.RUNS_OWN_FILE)
            elif name.endswith(_SCRIPT_SUFFIXES):
                script = self.read_member(name)
                if script is not None:
                    facts |= read_command(script).facts | {CommandFact.RUNS_OWN_FILE}
        return frozenset(facts)

    def _delete(self, path: Value, name: str, node: ast.Call) -> None:
        if path.ref == "__file__" or path.text.startswith("sys.argv") or path.ref == "sys.argv":
            self.emit(Action.DELETE, name, node, text="__file__")

    def _sink_result(self, name: str, callee: Value, arguments: Arguments) -> Value:
        origins = NO_ORIGINS.union(*(sink.origins for sink in SINKS[name]))
        if any(sink.action is Action.DECODE for sink in SINKS[name]):
            origins = origins | arguments.origins | callee.origins
            return Value(origins=origins)
        if name in ("urllib.request.urlretrieve", "wget.download"):
            return UNKNOWN
        if any(sink.action is Action.READ for sink in SINKS[name]):
            return self._content(arguments.get(0), NO_ORIGINS)
        if any(sink.action is Action.SPAWN for sink in SINKS[name]):
            origins = output_origins(command_text(arguments))
        elif name.startswith(("socket.gethostby", "socket.getaddrinfo")):
            origins = arguments.origins & _HOST
        ref = f"{callee.ref}()" if len(callee.ref) < _MAX_REF_CHARS else ""
        return Value(ref=ref, origins=origins)

    def _name_marks(self, name: str, node: ast.Call) -> frozenset[Mark]:
        """Whether the function is called by its own name."""
        if isinstance(node.func, (ast.Call, ast.Subscript, ast.Lambda)):
            return frozenset((Mark.ASSEMBLED,))
        written = _written_name(node)
        return frozenset() if name.endswith(written) or not written else frozenset((Mark.ALIASED,))

    @staticmethod
    def _names_in(node: ast.Call) -> frozenset[str]:
        """The variables, attributes and short strings in a call's arguments."""
        found: set[str] = set()
        nodes: list[ast.AST] = [*node.args, *(keyword.value for keyword in node.keywords)]
        if isinstance(node.func, ast.Attribute):
            nodes.append(node.func.value)
        for _ in range(_MAX_NAMED_NODES):
            if not nodes:
                break
            item = nodes.pop()
            match item:
                case ast.Name(id=name):
                    found.add(name)
                case ast.Attribute(attr=name):
                    found.add(name)
                case ast.Constant(value=str(text)) if 2 < len(text) < 200:
                    found.add(text)
            nodes.extend(ast.iter_child_nodes(item))
        return frozenset(found)

    def _execute(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        code = arguments.get(0, "source")
        marks = self._name_marks(name, node)
        result = UNKNOWN
        if isinstance(code.known, (str, bytes)):
            result, does_anything = self.run_text(code, node, scope)
            is_hidden = "decoded" in code.origins or "network" in code.origins
            marks = marks | {Mark.LITERAL if does_anything or is_hidden else Mark.HARMLESS}
        elif code.parts is not None and "path" in code.parts:
            marks = marks | self._member_marks(code.parts["path"].text, scope)
        self.emit(
            Action.EXECUTE,
            name,
            node,
            data=code.origins,
            text=code.text if code.const is not None else "",
            names=self._names_in(node),
            marks=marks,
        )
        return result if result is not UNKNOWN else Value(origins=code.origins)

    def _execute_file(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        path = arguments.get(0)
        marks = self._name_marks(name, node) | self._member_marks(path.text, scope)
        self.emit(
            Action.EXECUTE,
            name,
            node,
            data=_FILE,
            text=path.text,
            names=self._names_in(node),
            marks=marks,
        )
        return UNKNOWN

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
        found = self.import_module(module.known)
        fromlist = arguments.get(3, "fromlist")
        if name == "builtins.__import__" and found.ref and fromlist is UNKNOWN:
            return Value(ref=found.ref.partition(".")[0])
        return found

    def _getattr(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del name, scope
        owner, attribute = arguments.get(0), arguments.get(1)
        if isinstance(attribute.known, str):
            found = self.attribute(owner, attribute.known, node)
            is_written_out = len(node.args) > 1 and isinstance(node.args[1], ast.Constant)
            name = canonical(found.ref)
            if name in DYNAMIC_BUILTINS or (name in SINKS and not is_written_out):
                self.see_hidden_lookup(node, f'looks "{attribute.known}" up by name')
            return found
        if canonical(owner.ref) in ("builtins", "os", "subprocess", "sys", "importlib"):
            self.see_hidden_lookup(node, f"looks a computed name up in {canonical(owner.ref)}")
        return Value(origins=owner.origins) if owner.origins else UNKNOWN

    def _getter(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del scope
        attribute = arguments.get(0).known
        if isinstance(attribute, str) and attribute in _DYNAMIC_NAMES:
            self.see_hidden_lookup(node, f'looks "{attribute}" up by {name}')
        return UNKNOWN

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
        return folded or self._named_call(name, function, arguments, node)

    def _run_packed(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        """A packer's runtime: decrypts its argument and runs it."""
        del scope
        self.emit(Action.DECODE, name, node)
        self.emit(Action.EXECUTE, name, node, data=arguments.origins | DECODED)
        return UNKNOWN

    def _partial(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del name, node, scope
        return arguments.get(0)

    def _spec(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del node, scope
        return Value(ref=f"{name}()", parts={"path": arguments.get(1, "location")})

    def _environment_variable(
        self, name: str, arguments: Arguments, node: ast.Call, scope: Scope
    ) -> Value:
        del name, node, scope
        variable = arguments.get(0, "key")
        return variable_value(variable.text) if variable.known is not None else UNKNOWN

    def _join_path(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del name, node, scope
        text = "/".join(value.text for value in arguments.positional)
        is_partial = any(value.known is None for value in arguments.positional)
        return text_value(text, arguments.origins, is_partial=is_partial)

    def _path(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        joined = self._join_path(name, arguments, node, scope)
        is_own = any(value.ref == "__file__" for value in arguments.positional)
        return Value(
            const=joined.const,
            is_partial=True,
            ref="__file__" if is_own else "pathlib.Path()",
            origins=joined.origins,
        )


def command_text(arguments: Arguments) -> str:
    """The command line as text: a string, or the words of a list joined."""
    command = arguments.get(0, "args")
    if command.const is not None and not isinstance(command.const, tuple):
        words = [command.text]
    else:
        words = [item.text for item in constant_items(command) or ()]
        if command.parts is not None and not words:
            words = [part.text for part in command.parts.values()]
    words.extend(value.text for value in arguments.positional[1:] if isinstance(value.const, str))
    extra = arguments.positional[1:]
    for value in extra:
        words.extend(item.text for item in constant_items(value) or () if value.const is None)
    return " ".join(words)


def output_origins(command: str) -> Origins:
    """What the output of a command tells."""
    words = command.split()
    program = words[0].rpartition("/")[2] if words else ""
    if program in ("env", "printenv", "set", "export"):
        return _ENVIRONMENT
    if is_secret_path(command[:400]):
        return _SECRET
    return _HOST if program in _TELLING_PROGRAMS else NO_ORIGINS


def _has_url(arguments: Arguments) -> bool:
    return any("://" in value.text for value in arguments.positional[:2]) or (
        "url" in arguments.keywords
    )


def _fill_format(template: str, arguments: Arguments) -> str:
    automatic = iter(arguments.positional)

    def fill(match: re.Match[str]) -> str:
        name = match.group(1)
        if not name:
            return next(automatic, UNKNOWN).text
        if name.isdigit():
            return arguments.get(int(name)).text if len(name) < 4 else HOLE
        return arguments.keywords.get(name, UNKNOWN).text

    return _FORMAT_FIELD.sub(fill, template)


def _written_name(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _names_of(handle: Value) -> frozenset[str]:
    path = (handle.parts or {}).get("path", UNKNOWN)
    return frozenset((path.text,)) if path.const is not None else frozenset()
