"""Files and paths: what is opened, read and written, and where."""

from __future__ import annotations

import ast

from safe_pip.extractors.arguments import Arguments, names_in
from safe_pip.extractors.capabilities import Action
from safe_pip.extractors.effects import Effects
from safe_pip.extractors.expressions import text_value
from safe_pip.extractors.folding import joined
from safe_pip.extractors.triggers import earns_tree
from safe_pip.extractors.values import HOLE, UNKNOWN, Scope, Value

TEXT_METHODS = frozenset(
    """encode decode strip lstrip rstrip lower upper title format_map as_posix resolve absolute
    expanduser expandvars casefold splitlines""".split()  # noqa: SIM905
)
"""Methods of text and of paths that keep what is known of the text."""

_READING_METHODS = frozenset(("read", "readline", "readlines", "read_text", "read_bytes"))
_WRITING_METHODS = frozenset(("write", "writelines", "write_text", "write_bytes"))
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
PATH_CALLS = _PATH_CALLS | _TEMPORARY_CALLS
"""All names of which ``path_call`` knows something."""

_MIN_CODE_CHARS = 24
_MAX_WRITTEN_FILES = 64
_MAX_WRITTEN_PIECES = 500


class FileCalls(Effects):
    """Evaluates calls of and on files and paths."""

    def __init__(self) -> None:
        super().__init__()
        self._written: dict[str, tuple[ast.expr, list[str]]] = {}

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
                names=names_in(node) | _names_of(handle),
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
                names=names_in(node),
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
            text = joined([path.text, *(value.text for value in arguments.positional)], "/")
            origins = text_value(text, path.origins | arguments.origins).origins
            return Value(const=text, is_partial=True, ref="pathlib.Path()", origins=origins)
        if method in ("unlink", "rmdir"):
            self._delete(path, f"pathlib.Path.{method}", node)
            return UNKNOWN
        return path if method in TEXT_METHODS else Value(origins=path.origins)

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

    def _open(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del scope
        path = arguments.get(0, "file")
        mode = arguments.get(1, "mode")
        mode_text = mode.const if isinstance(mode.const, str) else "r"
        if any(letter in mode_text for letter in "wax+"):
            self.emit(Action.WRITE, name, node, text=path.text, names=names_in(node))
        elif "secret-path" in path.origins:
            self.emit(Action.SECRET, name, node, text=path.text)
        origins = path.origins & {"secret-path", "network"}
        return Value(ref="builtins.open()", origins=origins, parts={"path": path})

    def path_call(self, name: str, callee: Value, arguments: Arguments) -> Value | None:
        """A function that gives a path, or a file of no name; None if it is none."""
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
        return None

    def _join_path(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del name, node, scope
        texts = [value.text for value in arguments.positional]
        text = joined(texts, "/")
        is_partial = len(text) < sum(map(len, texts)) or any(
            value.known is None for value in arguments.positional
        )
        return text_value(text, arguments.origins, is_partial=is_partial)

    def _path(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        path = self._join_path(name, arguments, node, scope)
        is_own = any(value.ref == "__file__" for value in arguments.positional)
        return Value(
            const=path.const,
            is_partial=True,
            ref="__file__" if is_own else "pathlib.Path()",
            origins=path.origins,
        )


def _names_of(handle: Value) -> frozenset[str]:
    path = (handle.parts or {}).get("path", UNKNOWN)
    return frozenset((path.text,)) if path.const is not None else frozenset()
