"""Calls: what each call resolves to, and what it gives back."""

from __future__ import annotations

import ast
import functools
from abc import abstractmethod

from safe_pip.extractors.addresses import address_parts
from safe_pip.extractors.arguments import (
    NO_ARGUMENTS,
    Arguments,
    fill_format,
    has_url,
    written_name,
)
from safe_pip.extractors.capabilities import SINKS, Action, canonical
from safe_pip.extractors.containers import constant_items
from safe_pip.extractors.effects import result_ref
from safe_pip.extractors.expressions import text_value
from safe_pip.extractors.file_calls import PATH_CALLS, TEXT_METHODS
from safe_pip.extractors.folding import DISGUISING_FUNCTIONS, FUNCTIONS, fold_method, joined
from safe_pip.extractors.go_betweens import HANDED_AROUND, GoBetweens
from safe_pip.extractors.library_calls import EXECUTING_CALLS
from safe_pip.extractors.lookups import NAMESPACES, asked_origins, builtin_text, handed_origins
from safe_pip.extractors.values import (
    DECODED,
    NO_ORIGINS,
    SECRET,
    SECRET_PATH,
    SOCKET,
    UNKNOWN,
    Constant,
    Origins,
    Scope,
    Value,
    named,
    of_origins,
)

_GROWING_METHODS = frozenset(("append", "add", "extend", "insert", "update", "appendleft"))
_ITEM_METHODS = frozenset(("__getitem__", "get", "pop", "setdefault"))
_FETCHING_METHODS = frozenset(
    ("delete", "download", "fetch", "get", "open", "patch", "post", "put", "request", "urlopen")
)
_SENDING_METHODS = _FETCHING_METHODS | {"connect", "emit", "execute", "publish", "send"}
_CALLBACK_CALLS = frozenset(
    """asyncio.create_task asyncio.ensure_future asyncio.gather asyncio.get_event_loop.create_task
    asyncio.get_event_loop.run_until_complete asyncio.new_event_loop.run_until_complete
    concurrent.interpreters.create.call concurrent.interpreters.create.call_in_thread
    asyncio.run asyncio.to_thread asyncio.run_coroutine_threadsafe atexit.register
    builtins.sorted builtins.max builtins.min functools.reduce
    concurrent.futures.InterpreterPoolExecutor.map concurrent.futures.InterpreterPoolExecutor.submit
    concurrent.futures.ProcessPoolExecutor.map concurrent.futures.ProcessPoolExecutor.submit
    concurrent.futures.ThreadPoolExecutor.map concurrent.futures.ThreadPoolExecutor.submit
    contextlib.ExitStack.callback multiprocessing.Pool.map multiprocessing.Pool.apply_async
    multiprocessing.Process signal.signal sys.addaudithook sys.settrace sys.setprofile
    _thread.start_new _thread.start_new_thread
    threading.Thread threading.Timer weakref.finalize""".split()  # noqa: SIM905
)
_GETTERS = frozenset(("operator.attrgetter()", "operator.methodcaller()"))
_CONFIG_PARSERS = frozenset(
    f"configparser.{name}.{method}"
    for name in ("ConfigParser", "RawConfigParser", "SafeConfigParser")
    for method in ("read", "read_file")
)
_FILE_REFS = frozenset(("builtins.open()", "pathlib.Path()"))
_ASKING = frozenset(
    """builtins.input builtins.raw_input click.prompt getpass.getpass pwinput.pwinput
    rich.prompt.Prompt.ask typer.prompt""".split()  # noqa: SIM905
)
_SETUP_CALLS = frozenset(
    ("setuptools.setup", "distutils.core.setup", "skbuild.setup", "numpy.distutils.core.setup")
)
_DECODING_METHODS = frozenset(
    """a85decode b16decode b32decode b64decode b85decode decompress decrypt unhexlify
    urlsafe_b64decode""".split()  # noqa: SIM905
)


_MAX_GROWN_ITEMS = 64
_MAX_TABLE_ROWS = 2_000
_KNOWN_CALLS = (
    _SETUP_CALLS, PATH_CALLS, SINKS, _CONFIG_PARSERS, _CALLBACK_CALLS, DISGUISING_FUNCTIONS,
    frozenset(("socket.socket",)),
)  # fmt: skip


class Calls(GoBetweens):
    """Evaluates every call: the distribution's own functions, methods, and known functions."""

    @property
    @abstractmethod
    def runs_unasked(self) -> bool:
        """Whether what is read now runs without anybody's call."""

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
            callee = self.read_attribute(receiver, method, node.func)
            if method == "__call__" and callee is UNKNOWN and receiver.function is not None:
                callee = receiver
            if receiver.parts and "url" in receiver.parts and canonical(callee.ref) not in SINKS:
                is_named = bool(receiver.ref)
                if method.startswith("send_") or (not is_named and method in _SENDING_METHODS):
                    arguments = self._arguments(node, scope)
                    return self._fetch(method, arguments, node, receiver.parts["url"].text)
        else:
            callee = self.evaluate(node.func, scope)
            if callee.parts is not None and "receiver" in callee.parts:
                receiver, method = callee.parts["receiver"], callee.parts["method"].text
        arguments = self._arguments(node, scope)
        callee = self.own(callee)
        if callee.parts and callee.ref in _GETTERS:
            return self.apply_getter(callee, arguments, node)
        if callee.others or (callee.function is not None and callee.ref):
            self._call_others(callee, arguments, node)
        if callee.function is not None:
            return self.invoke(callee.function, arguments)
        is_handing = len(arguments.positional) > 1 or "args" in arguments.keywords
        if is_handing and not callee.ref.startswith("builtins."):
            self._hand_on(arguments, node)
        elif arguments.all and not callee.ref.startswith("builtins."):
            self._hand_around(arguments, node)
        name = canonical(callee.ref) if callee.ref else ""
        special = self._special.get(name) if name else None
        if special is not None:
            return special(name, arguments, node, scope)
        if method and (receiver is not UNKNOWN or method in _GROWING_METHODS):
            result = self._method(receiver, method, arguments, node)
            if result is not None:
                return result
        if name and name in FUNCTIONS:
            folded = self._fold(name, arguments, node)
            if folded is not None:
                return folded
        if name:
            return self.call_by_name(name, callee, arguments, node)
        written = method or written_name(node)
        if written in self._special:
            return self._special[written](written, arguments, node, scope)
        return self._unknown_call(written, arguments, node, callee)

    def _call_others(self, callee: Value, arguments: Arguments, node: ast.Call) -> None:
        """What a call may be of as well, where branches bound the name to several functions. What
        nobody calls unasked is read on its own."""
        if not self.runs_unasked:
            return
        if callee.function is not None and callee.ref:
            self.hand_over(named(callee.ref), arguments, node)
        for other in callee.others:
            if other.function is not None:
                self.invoke(other.function, arguments)
            elif other.ref:
                self.hand_over(other, arguments, node)

    def _arguments(self, node: ast.Call, scope: Scope) -> Arguments:
        if not node.args and not node.keywords:
            return NO_ARGUMENTS
        positional: list[Value] = []
        for argument in node.args:
            value = self.evaluate(argument, scope)
            items = constant_items(value) if type(argument) is ast.Starred else None
            if items is None:
                positional.append(value)
            else:
                positional.extend(items)
        if not node.keywords:
            return Arguments(positional=tuple(positional))
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

    def _method(
        self, receiver: Value, method: str, arguments: Arguments, node: ast.Call
    ) -> Value | None:
        """A method of a constant, a container, a file or the environment; None if it is none."""
        if receiver is UNKNOWN and method not in _GROWING_METHODS:
            return None
        if method in _ITEM_METHODS and self._is_namespace(receiver, node):
            scope = self._growing_scope or Scope(module=self.path)
            return self.item(receiver, arguments.get(0), scope, node)
        if method in ("__str__", "__repr__") and builtin_text(receiver.ref):
            return Value(const=builtin_text(receiver.ref))
        if receiver.ref and canonical(receiver.ref) == "builtins.open":
            return self._file_method(receiver, method, arguments, node)
        if receiver.ref.startswith("pathlib.Path()"):
            return self._path_method(receiver, method, arguments, node)
        made = self.made_method(receiver, method, arguments)
        if made is not None:
            return made
        boxed = self.box_method(receiver, method, arguments, node)
        if boxed is not None:
            return boxed
        if receiver.ref == "os.environ" and method in ("items", "values", "keys"):
            return Value(origins=receiver.origins)
        if receiver.const is not None and not _takes_text(receiver.const, arguments):
            return self._constant_method(receiver, method, arguments, node)
        if method in _GROWING_METHODS and isinstance(node.func, ast.Attribute):
            self.grow(receiver, method, arguments, node.func.value)
            return UNKNOWN
        if receiver.const is not None:
            return self._constant_method(receiver, method, arguments, node)
        if receiver.parts is not None and not receiver.ref:
            if method == "get":
                return self.item(receiver, arguments.get(0), Scope(module=""), node)
            if method in ("values", "items", "copy", "keys"):
                return Value(parts=receiver.parts, origins=receiver.origins)
        return None

    @staticmethod
    def _is_namespace(receiver: Value, node: ast.Call) -> bool:
        """Whether what has the method holds names, as ``globals()`` and ``os.__dict__`` do."""
        if receiver.ref in ("builtins", "sys.modules") or canonical(receiver.ref) in NAMESPACES:
            return True
        return (
            isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Attribute)
            and node.func.value.attr == "__dict__"
        )

    def _constant_method(
        self, receiver: Value, method: str, arguments: Arguments, node: ast.Call
    ) -> Value | None:
        assert receiver.const is not None
        origins = receiver.origins | arguments.origins
        constants = arguments.constants()
        if method == "translate" and constants is None and isinstance(receiver.known, str):
            table = _translation(arguments.get(0))
            constants = None if table is None else ([table], {})
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
                return text_value(fill_format(receiver.const, arguments), origins)
            if method == "join" and arguments.positional:
                source = arguments.positional[0]
                if source.parts is not None and "path" in source.parts:
                    return Value(origins=origins, parts=source.parts)
                items = constant_items(source)
                if items is not None and len(items) <= 1_000:
                    text = joined([item.text for item in items], receiver.const)
                    return text_value(text, origins)
            if method in ("joinpath", "replace", *TEXT_METHODS):
                texts = [receiver.const, *(value.text for value in arguments.positional)]
                text = joined(texts, "/") if method == "joinpath" else receiver.const
                return text_value(text, origins)
        return Value(origins=origins) if origins and not receiver.ref else None

    def grow(self, receiver: Value, method: str, arguments: Arguments, target: ast.expr) -> None:
        """``target.append(…)``: the container's variable now holds the argument as well."""
        if not isinstance(target, (ast.Name, ast.Attribute)) or self._growing_scope is None:
            return
        parts = dict(receiver.parts or {})
        if receiver.known is not None:
            parts = dict(enumerate(constant_items(receiver) or ()))
        for value in arguments.positional:
            items = constant_items(value) if method == "extend" else None
            if method == "update" and value.parts is not None:
                parts.update(value.parts)
            elif items is not None:
                parts.update(enumerate(items[:_MAX_GROWN_ITEMS], start=len(parts)))
            elif len(parts) < _MAX_GROWN_ITEMS:
                parts[len(parts)] = value
        if method == "update":
            parts.update(arguments.keywords)
        # What is full stays the same thing, so that a loop that fills it comes to an end.
        is_full = method != "update" and len(parts) == len(receiver.parts or ())
        grown = Value(
            parts=receiver.parts if is_full else parts,
            origins=receiver.origins | arguments.origins,
            ref=receiver.ref,
        )
        scope = self._growing_scope
        self.assign(target, grown, scope.holding(target.id) if type(target) is ast.Name else scope)

    _growing_scope: Scope | None = None

    def _read_secrets(self, name: str, arguments: Arguments, node: ast.Call) -> None:
        """A parser that reads a credential store holds secrets from then on."""
        self.emit(Action.SECRET, name, node, text=arguments.get(0).text)
        if isinstance(node.func, ast.Attribute) and self._growing_scope is not None:
            target = node.func.value
            if isinstance(target, (ast.Name, ast.Attribute)):
                held = self.evaluate(target, self._growing_scope)
                tainted = Value(ref=held.ref, origins=held.origins | SECRET, parts=held.parts)
                self.assign(target, tainted, self._growing_scope)

    def call_by_name(self, name: str, callee: Value, arguments: Arguments, node: ast.Call) -> Value:
        if _is_plain(name):
            origins = callee.origins | self._passed_through(name, arguments)
            parts = address_parts(name, arguments)
            if parts is None and not origins:
                return named(result_ref(callee))
            return Value(ref=result_ref(callee), origins=origins, parts=parts)
        if name in _SETUP_CALLS:
            self.see_setup(arguments, node)
            return UNKNOWN
        path = self.path_call(name, callee, arguments)
        if path is not None:
            return path
        if name in SINKS:
            self._emit_sinks(name, callee, arguments, node)
            return self._sink_result(name, callee, arguments)
        if name in _CONFIG_PARSERS and arguments.origins & (SECRET | SECRET_PATH):
            self._read_secrets(name, arguments, node)
        if name.rpartition(".")[2] in _DECODING_METHODS:
            return self._decode(name, callee, arguments, node)
        if name == "socket.socket":
            return Value(ref="socket.socket()", origins=SOCKET)
        if name in _CALLBACK_CALLS:
            self._call_back(arguments, node)
        if has_url(arguments) and name.rpartition(".")[2] in _FETCHING_METHODS:
            return self._fetch(name, arguments, node)
        origins = callee.origins | self._passed_through(name, arguments)
        if name in DISGUISING_FUNCTIONS:
            origins = origins | DECODED
        return Value(ref=result_ref(callee), origins=origins, parts=address_parts(name, arguments))

    @staticmethod
    def _passed_through(name: str, arguments: Arguments) -> Origins:
        # A digest or a length says nothing of the secret that it was made from.
        if name.startswith("hashlib.") or name in ("builtins.len", "builtins.isinstance"):
            return NO_ORIGINS
        if name in _ASKING:
            is_hidden = name.rpartition(".")[2] in ("getpass", "pwinput")
            question = "password" if is_hidden else arguments.get(0).text
            return arguments.origins | asked_origins(question)
        return arguments.origins

    def hand_over(self, given: Value, arguments: Arguments, node: ast.Call) -> None:
        given = self.own(given)
        for other in given.others:
            self.hand_over(other, arguments, node)
        if given.function is not None:
            if not given.function.is_class:
                self.invoke(given.function, arguments)
            return
        name = canonical(given.ref) if given.ref else ""
        if name in EXECUTING_CALLS:
            self._special[name](name, arguments, node, self._growing_scope or Scope(module=""))
        elif name in SINKS:
            self.call_by_name(name, given, arguments, node)

    def _hand_around(self, arguments: Arguments, node: ast.Call) -> None:
        """``hook(os.system)``: with what it is called nobody can see."""
        for value in arguments.all:
            self.see_handed(value, node)

    def see_handed(self, value: Value, node: ast.expr) -> None:
        """A function that is given away, to be called with nobody knows what."""
        if value.ref and value.function is None and canonical(value.ref) in HANDED_AROUND:
            call = node if isinstance(node, ast.Call) else ast.Call(func=node, args=[], keywords=[])
            self.hand_over(value, NO_ARGUMENTS, ast.copy_location(call, node))

    def _hand_on(self, arguments: Arguments, node: ast.Call) -> None:
        """``register(os.system, "…")``: whoever gets a function and words for it may call it."""
        for position, value in enumerate(arguments.positional[:-1]):
            following = arguments.positional[position + 1]
            is_text = isinstance(following.const, (str, bytes, tuple))
            if value.ref and value.function is None and is_text:
                rest = arguments.positional[position + 1 :]
                self.hand_over(value, Arguments(positional=rest), node)
        bound = constant_items(arguments.keywords.get("args", UNKNOWN))
        for value in arguments.keywords.values() if bound else ():
            if value.ref and value.function is None:
                self.hand_over(value, Arguments(positional=tuple(bound or ())), node)

    def _unknown_call(
        self, method: str, arguments: Arguments, node: ast.Call, callee: Value
    ) -> Value:
        if method == "setup" and "name" in arguments.keywords:
            self.see_setup(arguments, node)
            return UNKNOWN
        is_for_url = has_url(arguments)
        if method in _FETCHING_METHODS and is_for_url:
            return self._fetch(method, arguments, node)
        if is_for_url:
            # Something made for an address: what is sent through it later goes there.
            url = next(value for value in arguments.all if "://" in value.text)
            return Value(origins=arguments.origins, parts={"url": url})
        if method in _DECODING_METHODS:
            return self._decode(method, callee, arguments, node)
        if method in ("submit", "create_task", "run_until_complete", "start_new_thread"):
            self._call_back(arguments, node)
        origins = callee.origins | arguments.origins
        if method in _ITEM_METHODS:
            origins = origins | handed_origins(arguments.get(0).text)
        return of_origins(origins)


def _translation(table: Value) -> Constant | None:
    """The pairs of a table for ``translate``, if all of it is known."""
    if table.parts is None or len(table.parts) > _MAX_TABLE_ROWS:
        return None
    pairs = [(key, value.known) for key, value in table.parts.items()]
    return None if any(value is None for _, value in pairs) else tuple(pairs)  # type: ignore[arg-type]


def _takes_text(const: Constant, arguments: Arguments) -> bool:
    """Whether it is a list, short enough to be kept by element, that text or a function is added
    to."""
    is_short = isinstance(const, tuple) and len(const) < _MAX_GROWN_ITEMS
    return is_short and any(
        isinstance(item.known, (str, bytes)) or item.function is not None or item.ref in SINKS
        for item in arguments.positional
    )


@functools.lru_cache(maxsize=4_096)
def _is_plain(name: str) -> bool:
    """Whether nothing is known of a function but its name: no test below would tell more."""
    last = name.rpartition(".")[2]
    return not (
        any(name in known for known in _KNOWN_CALLS)
        or last in _DECODING_METHODS
        or last in _FETCHING_METHODS
    )
