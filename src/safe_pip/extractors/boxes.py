"""Boxes: what is put into something of the library, and taken out again elsewhere.

Queues, buffers, heaps, context variables and the like change nothing of what they hold; so does
what writes bytes as something else that can be written down, such as addresses.
"""

from __future__ import annotations

import ast
import base64
import binascii
import urllib.parse
from abc import abstractmethod
from collections.abc import Callable, Mapping

from safe_pip.extractors.arguments import Arguments
from safe_pip.extractors.containers import constant_items, element_of, sequence
from safe_pip.extractors.folding import fold_function
from safe_pip.extractors.made_values import MadeValues, value_of
from safe_pip.extractors.values import DECODED, UNKNOWN, Constant, Scope, Value

_BUFFERS = ("io.BytesIO", "io.StringIO")
_QUEUES = (
    "asyncio.LifoQueue", "asyncio.PriorityQueue", "asyncio.Queue", "contextvars.ContextVar",
    "multiprocessing.Queue", "multiprocessing.SimpleQueue", "queue.LifoQueue",
    "queue.PriorityQueue", "queue.Queue", "queue.SimpleQueue",
)  # fmt: skip
_BOXES = frozenset(f"{name}()" for name in (*_BUFFERS, *_QUEUES, "collections.deque"))
_PUTTING = frozenset(("append", "appendleft", "put", "put_nowait", "set", "write"))
_PUTTING_ALL = frozenset(("extend", "extendleft", "writelines"))
_TAKING = frozenset(("get", "get_nowait", "pop", "popleft", "readline"))
_TAKING_ALL = frozenset(("getbuffer", "getvalue", "read", "readlines"))
_POPPING = frozenset(("pop", "popitem"))
_MAX_TEXT_CHARS = 1 << 16
_MAX_PAIRS = 16
_SAME_AS_FIRST = ("copy.copy", "copy.deepcopy", "numpy.array", "numpy.asarray")


class Boxes(MadeValues):
    """Evaluates what is put in and taken out."""

    def __init__(self) -> None:
        super().__init__()
        self._special |= {
            **dict.fromkeys(_BUFFERS, self._buffer),
            "builtins.print": self._print,
            "builtins.dict": self._dict_of,
            "collections.ChainMap": self._chain_map,
            "collections.OrderedDict": self._dict_of,
            "collections.deque": self._deque,
            **dict.fromkeys(_SAME_AS_FIRST, lambda _name, arguments, *_: arguments.get(0)),
            "heapq.heappop": lambda _name, arguments, *_: element_of(arguments.get(0)),
            "heapq.heappush": self._push,
            "ipaddress.IPv4Address": self._read_bytes,
            "ipaddress.ip_address": self._read_bytes,
            "gzip.GzipFile": self._open_packed,
            "gzip.open": self._open_packed,
            "socket.inet_aton": self._read_bytes,
            "types.MappingProxyType": self._same,
            "urllib.parse.parse_qs": self._fields_of_query,
            "urllib.request.urlopen": self._open_data,
            "uuid.UUID": self._read_bytes,
        }

    @abstractmethod
    def grow(self, receiver: Value, method: str, arguments: Arguments, target: ast.expr) -> None:
        """``target.append(…)``: the container's variable now holds the argument as well."""

    def box_method(
        self, receiver: Value, method: str, arguments: Arguments, node: ast.Call
    ) -> Value | None:
        """A method that puts something in or takes something out; None if it is none."""
        if receiver.ref in _BOXES:
            if method in _PUTTING or method in _PUTTING_ALL:
                if isinstance(node.func, ast.Attribute):
                    way = "extend" if method in _PUTTING_ALL else "append"
                    self.grow(receiver, way, arguments, node.func.value)
                return UNKNOWN
            held = Value(parts=receiver.parts, origins=receiver.origins)
            if method in _TAKING_ALL:
                return _whole(held)
            return element_of(held) if method in _TAKING else None
        is_container = receiver.parts is not None and not receiver.ref
        if method in _POPPING and (is_container or isinstance(receiver.known, tuple)):
            return self._popped(receiver, arguments, node)
        if method == "items" and is_container and len(receiver.parts or ()) <= _MAX_PAIRS:
            pairs = [
                sequence([Value(const=key), part]) for key, part in (receiver.parts or {}).items()
            ]
            return Value(parts=dict(enumerate(pairs)), origins=receiver.origins)
        return None

    def _popped(self, receiver: Value, arguments: Arguments, node: ast.Call) -> Value:
        if arguments.positional:
            return self.item(receiver, arguments.get(0), Scope(module=""), node)
        # All of a long one must not be looked at each time that one is taken.
        if isinstance(receiver.known, tuple) and receiver.known:
            return Value(const=receiver.known[-1], origins=receiver.origins)
        return element_of(receiver)

    def _buffer(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del node, scope
        given = arguments.get(0, "initial_value")
        parts: dict[Constant, Value] | None = {0: given} if given.const is not None else None
        return Value(ref=f"{name}()", parts=parts, origins=arguments.origins)

    def _open_packed(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del scope
        buffer = arguments.keywords.get("fileobj") or arguments.get(0)
        packed = _whole(buffer) if buffer.ref == "io.BytesIO()" else UNKNOWN
        if isinstance(packed.known, bytes):
            content = fold_function("gzip.decompress", [packed.known])
            if content is not None:
                value = Value(const=content, origins=packed.origins | DECODED)
                return Value(ref="io.BytesIO()", parts={0: value}, origins=value.origins)
        return self.call_by_name(name, Value(ref=name), arguments, node)

    def _deque(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del node, scope
        items = constant_items(arguments.get(0)) or []
        parts: dict[Constant, Value] = dict(enumerate(items[:_MAX_PAIRS]))
        return Value(ref=f"{name}()", parts=parts or None, origins=arguments.origins)

    def _print(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del name, scope
        target = arguments.keywords.get("file", UNKNOWN)
        place = next((word.value for word in node.keywords if word.arg == "file"), None)
        if target.ref in _BOXES and place is not None:
            self.grow(target, "append", Arguments(positional=arguments.positional), place)
        return UNKNOWN

    def _dict_of(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        """``dict(other.items())`` has the keys of the other."""
        given = arguments.get(0)
        pairs = [constant_items(pair) or [] for pair in (given.parts or {}).values()]
        is_of_pairs = bool(pairs) and set(given.parts or {}) == set(range(len(pairs)))
        if is_of_pairs and all(len(pair) == 2 and pair[0].known is not None for pair in pairs):
            parts = {key.known: value for key, value in pairs if key.known is not None}
            parts.update(arguments.keywords)
            return Value(parts=parts, origins=arguments.origins)
        return self._same(name, arguments, node, scope)

    def _push(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del name, scope
        if len(node.args) > 1:
            pushed = Arguments(positional=arguments.positional[1:2])
            self.grow(arguments.get(0), "append", pushed, node.args[0])
        return UNKNOWN

    def _chain_map(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del name, node, scope
        parts: dict[Constant, Value] = {}
        for value in reversed(arguments.positional):
            parts.update(value.parts or {})
        return Value(parts=parts, origins=arguments.origins)

    def _read_bytes(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        """Bytes that were written down as addresses or identifiers."""
        del scope
        text = arguments.get(0)
        data = _UNPACKED[name](text.known) if isinstance(text.known, str) else None
        if data is None:
            return self.call_by_name(name, Value(ref=name), arguments, node)
        value = Value(const=data, origins=text.origins | DECODED)
        if name == "socket.inet_aton":
            return value
        attributes: dict[Constant, Value] = {"bytes": value, "packed": value}
        return Value(ref=f"{name}()", parts=attributes, origins=text.origins)

    def _fields_of_query(
        self, name: str, arguments: Arguments, node: ast.Call, scope: Scope
    ) -> Value:
        del scope
        text = arguments.get(0)
        if isinstance(text.known, str) and len(text.known) <= _MAX_TEXT_CHARS:
            try:
                fields: object = urllib.parse.parse_qs(text.known, max_num_fields=1_000)
            except ValueError:
                return UNKNOWN
            return value_of(fields, text)
        return self.call_by_name(name, Value(ref=name), arguments, node)

    def _open_data(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        """An address that holds what it leads to: ``data:…;base64,…``."""
        del scope
        address = arguments.get(0)
        if isinstance(address.known, str) and address.known.lstrip().lower().startswith("data:"):
            data = _data_of(address.known)
            if data is not None:
                content = Value(const=data, origins=address.origins | DECODED)
                return Value(ref="io.BytesIO()", parts={0: content}, origins=content.origins)
        return self.call_by_name(name, Value(ref=name), arguments, node)


def _whole(held: Value) -> Value:
    """All that was put in, one after the other, where all of it is known."""
    pieces = [part.known for part in (held.parts or {}).values()]
    for kind, empty in ((str, ""), (bytes, b"")):
        if pieces and all(isinstance(piece, kind) for piece in pieces):
            n_chars = sum(map(len, pieces))  # type: ignore[arg-type]
            if len(pieces) == 1 or n_chars <= _MAX_TEXT_CHARS:
                origins = held.origins.union(
                    *(part.origins for part in (held.parts or {}).values())
                )
                return Value(const=empty.join(pieces), origins=origins)  # type: ignore[arg-type]
    return element_of(held)


def _bytes_of_uuid(text: str) -> bytes | None:
    digits = text.replace("urn:", "").replace("uuid:", "").strip("{}").replace("-", "")
    try:
        return bytes.fromhex(digits) if len(digits) == 32 else None
    except ValueError:
        return None


def _bytes_of_address(text: str) -> bytes | None:
    numbers = text.split(".")
    if len(numbers) != 4 or not all(n.isascii() and n.isdigit() and len(n) < 4 for n in numbers):
        return None
    values = [int(number) for number in numbers]
    return bytes(values) if max(values) < 256 else None


def _data_of(address: str) -> bytes | None:
    head, sign, data = address.partition(",")
    content = urllib.parse.unquote_to_bytes(data)
    if not sign:
        return None
    if not head.rstrip().lower().endswith(";base64"):
        return content
    try:
        return base64.b64decode(content)
    except (binascii.Error, ValueError):
        return None


_UNPACKED: Mapping[str, Callable[[str], bytes | None]] = {
    "ipaddress.IPv4Address": _bytes_of_address,
    "ipaddress.ip_address": _bytes_of_address,
    "socket.inet_aton": _bytes_of_address,
    "uuid.UUID": _bytes_of_uuid,
}
