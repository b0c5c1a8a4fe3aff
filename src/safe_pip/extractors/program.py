"""The program that a distribution's Python files make up together.

Each file is run once, abstractly; an import inside the distribution runs the imported file first,
so that a call of what was imported is followed into it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from safe_pip.distribution import Distribution, SourceFile
from safe_pip.evidence import Surface
from safe_pip.extractors.allowance import (
    FUEL_PER_COMMAND,
    FUEL_PER_OUTLINE,
    FUEL_PER_UNIT,
    Allowance,
)
from safe_pip.extractors.bindings import absolute_name
from safe_pip.extractors.events import CommandClass, HiddenLookup, Sighting, Stream, Trace
from safe_pip.extractors.interpreter import Interpreter
from safe_pip.extractors.module_memory import ModuleMemory
from safe_pip.extractors.outlines import MAX_OUTLINE_CHARS, Outline, imports_of
from safe_pip.extractors.parsing import decode_source, parse_leniently
from safe_pip.extractors.setuptools_hooks import setuptools_hooks
from safe_pip.extractors.surfaces import surfaces_of
from safe_pip.extractors.triggers import earns_tree
from safe_pip.extractors.values import HOLE, Scope, Value
from safe_pip.extractors.wheel_layout import is_wheel

MAX_IMPORT_DEPTH = 4
MAX_MEMBER_BYTES = 4 << 20
MAX_OUTLINE_DEPTH = 64
# An outline holds the text alone, which takes so much less memory than a tree.
OUTLINE_SHARE = 2
# Code that surely runs is always read: a call there may reach what another file holds.
_SPARED_SURFACES = frozenset((Surface.MODULE, Surface.OTHER))
_SOURCE_FOLDERS = ("src", "lib", "python")
_N_TURNS = 4
IMPORTING = ("import ", "import\t")
"""What a line of a ``.pth`` file begins with that ``site`` executes."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One file, read: its text and trace. ``has_tree`` is false for what earned no tree, and,
    with a ``parse_error``, for what cannot be parsed. ``left_out`` are lines that are not in the
    tree."""

    path: str
    data: bytes
    source: str
    surface: Surface
    has_tree: bool
    parse_error: str
    left_out: frozenset[int]
    literals: Mapping[tuple[int, str | bytes], Sighting]
    trace: Trace


@dataclass(frozen=True, kw_only=True)
class _Run:
    """What is kept of a file that was run, until its turn to be read comes."""

    has_tree: bool = False
    parse_error: str = ""
    left_out: frozenset[int] = frozenset()
    literals: Mapping[tuple[int, str | bytes], Sighting] = field(default_factory=dict)
    trace: Trace = field(default_factory=Trace)


class Program:
    """All Python of one distribution; an ``Imports`` for the interpreter of each file.

    With ``reads_all`` every file gets a tree, whether or not anything in it earns one.
    """

    def __init__(self, distribution: Distribution, *, reads_all: bool = False) -> None:
        self._distribution = distribution
        self._reads_all = reads_all
        self._surfaces = dict(surfaces_of(distribution))
        self._modules = _module_paths(self._surfaces)
        hooks = () if is_wheel(distribution) else setuptools_hooks(distribution.by_path)
        self._hook_names = frozenset(hook.name for hook in hooks if hook.name)
        self._runs: dict[str, _Run] = {}
        self._memory = ModuleMemory()
        self._allowance = Allowance()
        self._running: dict[str, Scope] = {}
        self._outlined: set[str] = set()
        self._imported_commands: set[str] = set()
        self._held_path = ""
        self._held_source = ""
        self._done: set[str] = set()
        self._executed: dict[str, Surface] = {}
        self._earning: dict[str, bool] = {}
        self._leading: dict[str, bool] = {}
        self._treeless: set[str] = set()
        self._outline_depth = 0
        self._outline_streams: dict[str, list[Stream]] = {}
        self._definition_paths: dict[tuple[str, str], str | None] = {}

    def readings(self) -> Iterator[Reading]:
        """Every file once: those whose top level runs unasked first, since they may import
        others and so make them run unasked too; then data files that were run as code."""
        for turn in range(_N_TURNS):
            for path in sorted(self._surfaces):
                # Not "==": an import may have moved a file to a turn that has passed it by.
                if _turn(self._surfaces[path]) <= turn:
                    yield from self._read_once(path)
        for path in sorted(self._executed):
            if path not in self._done:
                yield self._read_data(path)
        self._memory.forget_all()

    def _read_once(self, path: str) -> Iterator[Reading]:
        if path not in self._done:
            self._run(path)
        run = self._runs.pop(path, None)
        if run is None:
            return
        data = self._distribution.by_path[path].read()
        source = self._source_of(path, data)
        streams = self._outline_streams.pop(path, None)
        is_outline = streams is not None and not run.has_tree
        trace = Trace(streams=tuple(streams or ())) if is_outline else run.trace
        yield Reading(
            path=path,
            data=data,
            source=source,
            surface=self._surfaces[path],
            has_tree=run.has_tree,
            parse_error=run.parse_error,
            left_out=run.left_out,
            literals=run.literals,
            trace=trace,
        )

    def _source_of(self, path: str, data: bytes) -> str:
        """A file's text; that of one file is held, since most are run and then read at once."""
        if path != self._held_path:
            is_path_file = path.endswith(".pth")
            self._held_path = path
            self._held_source = import_lines(data) if is_path_file else decode_source(data)
        return self._held_source

    def _read_data(self, path: str) -> Reading:
        data = self._distribution.by_path[path].read()
        source = decode_source(data)
        parsed = parse_leniently(source)
        # What it does is part of the trace of the code that runs it.
        return Reading(
            path=path,
            data=data,
            source=source,
            surface=self._executed[path],
            has_tree=parsed.tree is not None,
            parse_error=parsed.error,
            left_out=parsed.left_out,
            literals={},
            trace=Trace(),
        )

    def _run(self, path: str) -> Scope | None:
        """Reads and runs one file; gives its scope when it earned a tree."""
        with self._allowance.granted():
            return self._run_granted(path)

    def _run_granted(self, path: str) -> Scope | None:
        self._done.add(path)
        file = self._distribution.by_path[path]
        data = file.read()
        if not _is_python(file, data):
            return None
        source = self._source_of(path, data)
        surface = self._surfaces[path]
        is_spared = surface in _SPARED_SURFACES and path not in self._imported_commands
        if is_spared and not self._reads_all and not self._earns_tree(path, data):
            self._runs[path] = _Run()
            self._treeless.add(path)
            self._run_outline(path, source)
            return None
        parsed = parse_leniently(source)
        is_command = surface is Surface.ENTRY_POINT or path in self._imported_commands
        fuel = self._allowance.fuel(FUEL_PER_COMMAND if is_command else FUEL_PER_UNIT)
        interpreter = Interpreter(
            path=path, surface=surface, imports=self, fuel=fuel, hook_names=self._hook_names
        )
        if parsed.tree is not None:
            self._running[path] = interpreter.scope
            try:
                interpreter.run(parsed.tree)
            finally:
                del self._running[path]
            self._allowance.spend(fuel - max(interpreter.fuel, 0))
        for member in interpreter.executed_members:
            self._executed.setdefault(member, surface)
        self._runs[path] = _Run(
            has_tree=parsed.tree is not None,
            parse_error=parsed.error,
            left_out=parsed.left_out,
            literals=interpreter.literals,
            trace=_trace_of(interpreter),
        )
        interpreter.release()
        self._memory.remember(path, interpreter.scope, len(source))
        if not self._running:
            self._memory.forget_dropped()
        self._memory.sweep()
        return interpreter.scope

    def _run_outline(self, path: str, source: str) -> None:
        """Runs a module that earned no tree as far as it calls what does, where it is imported."""
        outline = Outline(source[:MAX_OUTLINE_CHARS], path=path, runner=self)
        calling = outline.calling(lambda *imported: self._starts_acting(path, *imported))
        if calling:
            # First: what it calls may import it in turn.
            self._memory.remember(path, outline.scope, len(source) // OUTLINE_SHARE)
            outline.run(calling)

    def find_module(self, name: str, *, importer: str, is_top_level: bool) -> Scope | None:
        path = self._module_path(name, importer)
        if path is None:
            return None
        running = self._running.get(path)
        if running is not None:
            # A circle: as in Python, its names are those that are bound so far.
            return running
        is_unasked = is_top_level and self._surfaces.get(importer) not in (None, Surface.OTHER)
        if is_unasked:
            self._raise_surface(path, self._surfaces[importer])
        if is_unasked and self._surfaces[importer] is Surface.STARTUP:
            self._start_packages_of(name, importer)
        remembered = self._memory.get(path) if path in self._done else None
        if remembered is not None:
            return remembered
        if path in self._treeless:
            return self._outline(path).scope
        if path in self._done or len(self._running) >= MAX_IMPORT_DEPTH:
            # Forgotten, or too deep to be run now: its functions are found where they are called.
            if self._earns_tree(path):
                self._outlined.add(path)
            return None
        scope = self._run(path)
        return self._outline(path).scope if path in self._treeless else scope

    def _raise_surface(self, path: str, importer: Surface) -> None:
        """Has a file run as what its importer makes of it: once more, if it was run before but
        not read, as happens where a function imported it first."""
        surface = _imported_surface(self._surfaces[path], importer=importer)
        is_late = path in self._done and path not in self._runs
        if surface is not self._surfaces[path] and not is_late:
            if self._surfaces[path] is Surface.ENTRY_POINT:
                self._imported_commands.add(path)
            self._surfaces[path] = surface
            self._runs.pop(path, None)
            self._done.discard(path)
            self._treeless.discard(path)

    def _start_packages_of(self, name: str, importer: str) -> None:
        """With a module each package runs that it is in."""
        while name := name.rpartition(".")[0]:
            path = self._module_path(name, importer)
            if path is not None and path not in self._done:
                self._surfaces[path] = Surface.STARTUP

    def find_definition(self, ref: str, *, importer: str) -> Value | None:
        """A function or class, by its qualified name, of a module that is not run as a whole."""
        key = (ref, importer)
        if key not in self._definition_paths:
            self._definition_paths[key] = self._module_path(ref.rpartition(".")[0], importer)
        path = self._definition_paths[key]
        if path is None or not (path in self._treeless or path in self._outlined):
            return None
        name = ref.rpartition(".")[2]
        scope = self._memory.get(path)
        if scope is not None and not isinstance(scope.names, Outline):
            found = scope.names.get(name)
            return found if found is not None and found.function is not None else None
        return self._outline(path).definition(name)

    def _starts_acting(self, importer: str, dots: str, module: str, names: list[str]) -> bool:
        """As ``_is_acting``; what an import at the top level names runs as its importer does."""
        paths = [
            path
            for path in self._imported(importer, dots, module, names)
            if self._leads_to_acting(path)
        ]
        if self._surfaces[importer] is not Surface.OTHER:
            for path in paths:
                self._raise_surface(path, self._surfaces[importer])
        return bool(paths)

    def _is_acting(self, importer: str, dots: str, module: str, names: list[str]) -> bool:
        """Whether an import names a module of the distribution that earns a tree."""
        paths = self._imported(importer, dots, module, names)
        return any(self._leads_to_acting(path) for path in paths)

    def _imported(self, importer: str, dots: str, module: str, names: list[str]) -> Iterator[str]:
        """The other modules of the distribution that an import may name."""
        name = absolute_name(importer, module, len(dots))
        modules = [name] if name else []
        modules += [f"{name}.{word}" if name else word for word in names]
        for each in modules:
            path = self._module_path(each, importer)
            if path is not None and path != importer:
                yield path

    def _leads_to_acting(self, path: str) -> bool:
        """Whether a module earns a tree, or imports one that leads to one that does."""
        if path not in self._leading:
            self._leading[path] = False  # until it is known: it may import itself
            self._leading[path] = self._earns_tree(path) or any(
                self._is_acting(path, *imported)
                for imported in imports_of(decode_source(self._distribution.by_path[path].read()))
            )
        return self._leading[path]

    def _earns_tree(self, path: str, data: bytes | None = None) -> bool:
        if path not in self._earning:
            data = self._distribution.by_path[path].read() if data is None else data
            self._earning[path] = earns_tree(data)
        return self._earning[path]

    def _outline(self, path: str) -> Outline:
        """The outline of a module that is not run as a whole."""
        scope = self._memory.get(path)
        if scope is not None and isinstance(scope.names, Outline):
            return scope.names
        source = decode_source(self._distribution.by_path[path].read())
        outline = Outline(source[:MAX_OUTLINE_CHARS], path=path, runner=self)
        self._memory.remember(path, outline.scope, len(source) // OUTLINE_SHARE)
        return outline

    def may_read(self, n_chars: int) -> bool:
        return self._allowance.may_read(n_chars)

    def run_in(self, statements: list[ast.stmt], scope: Scope) -> None:
        """Runs statements of an outline in its scope."""
        if self._outline_depth >= MAX_OUTLINE_DEPTH:
            return
        path = scope.module
        fuel = self._allowance.fuel(FUEL_PER_OUTLINE)
        interpreter = Interpreter(path=path, surface=self._surfaces[path], imports=self, fuel=fuel)
        self._outline_depth += 1
        try:
            interpreter.run_in(statements, scope)
        finally:
            self._outline_depth -= 1
        self._allowance.spend(fuel - max(interpreter.fuel, 0))
        # What a module does that was read already has been seen: it was run then.
        if path in self._runs or path not in self._done:
            acting = [stream for stream in interpreter.streams if stream.events]
            self._outline_streams.setdefault(path, []).extend(acting)
        interpreter.release()

    def _module_path(self, name: str, importer: str) -> str | None:
        path = self._modules.get(name)
        if path is None and "/" in importer and "." not in name:
            # Scripts and Python 2 modules import their neighbours by bare name.
            neighbour = f"{importer.rpartition('/')[0]}/{name}.py"
            path = neighbour if neighbour in self._surfaces else None
        return path

    def read_member(self, path: str, *, importer: str) -> tuple[str, str] | None:
        file = self._member(path, importer)
        if file is None or file.size > MAX_MEMBER_BYTES:
            return None
        return file.path, decode_source(file.read())

    def _member(self, path: str, importer: str) -> SourceFile | None:
        parts: list[str] = []
        for part in path.replace("\\", "/").split("/"):
            if HOLE in part or part == "..":
                parts.clear()
            elif part not in ("", "."):
                parts.append(part)
        suffix = "/".join(parts)
        if not suffix:
            return None
        folder = importer.rpartition("/")[0]
        beside = self._distribution.by_path.get(f"{folder}/{suffix}" if folder else suffix)
        if beside is not None:
            return beside
        matches = [
            file
            for file in self._distribution.files
            if file.path == suffix or file.path.endswith(f"/{suffix}")
        ]
        return min(matches, key=lambda file: (file.path.count("/"), file.path), default=None)


def _turn(surface: Surface) -> int:
    """When a file is read: what starts others before what they start."""
    match surface:
        case Surface.STARTUP:
            return 0
        case Surface.ENTRY_POINT:
            return 2
        case Surface.OTHER:
            return 3
    return 1


def _imported_surface(surface: Surface, *, importer: Surface) -> Surface:
    """What an import at the top level makes of a file."""
    if importer is Surface.STARTUP:
        return Surface.STARTUP
    if surface is Surface.ENTRY_POINT and importer is not Surface.ENTRY_POINT:
        return Surface.MODULE
    return Surface.MODULE if surface is Surface.OTHER else surface


def import_lines(data: bytes) -> str:
    """The lines of a ``.pth`` file that ``site`` executes, the others blanked; it knows no coding
    cookie. What is a line to Python 3.13 alone, which cuts as ``str.splitlines`` does, follows
    after the last."""
    text = data.decode("utf-8-sig", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    kept = [line if line.startswith(IMPORTING) else "" for line in lines]
    for line in lines:
        pieces = line.splitlines()
        if len(pieces) > 1:
            kept += [piece for piece in pieces if piece.startswith(IMPORTING)]
    return "\n".join(kept)


def _trace_of(interpreter: Interpreter) -> Trace:
    return Trace(
        streams=tuple(stream for stream in interpreter.streams if stream.events),
        hidden_lookups=tuple(
            HiddenLookup(path=path, line=line, detail=detail, surface=surface)
            for path, line, detail, surface in interpreter.hidden_lookups
        ),
        command_classes=tuple(
            CommandClass(
                command=command, name=function.name, line=getattr(function.node, "lineno", 0)
            )
            for command, function in interpreter.command_classes
        ),
        body_calls=tuple(interpreter.body_calls),
        executed_members=frozenset(interpreter.executed_members),
        set_variables=frozenset(interpreter.set_variables),
    )


def _is_python(file: SourceFile, data: bytes) -> bool:
    if file.path.endswith((".py", ".pyw", ".pth")):
        return True
    first_line = data[:200].partition(b"\n")[0]
    return first_line.startswith(b"#!") and b"python" in first_line


def _module_paths(surfaces: Mapping[str, Surface]) -> Mapping[str, str]:
    """Dotted module names, with and without a source folder in front, to paths."""
    paths: dict[str, str] = {}
    for path in sorted(surfaces, reverse=True):
        if not path.endswith(".py"):
            continue
        parts = path[: -len(".py")].split("/")
        if parts[-1] == "__init__":
            parts.pop()
        paths[".".join(parts)] = path
        if parts and parts[0] in _SOURCE_FOLDERS:
            paths.setdefault(".".join(parts[1:]), path)
    return paths
