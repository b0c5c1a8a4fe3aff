"""Own modules: what a unit imports, runs or reads of the files around it."""

from __future__ import annotations

import functools
import sys
from typing import Protocol

from safe_pip.evidence import Surface
from safe_pip.extractors.arguments import NO_ARGUMENTS
from safe_pip.extractors.capabilities import SINK_MODULES, SINKS, canonical
from safe_pip.extractors.outlines import Outline
from safe_pip.extractors.parsing import parse
from safe_pip.extractors.recording import Recording
from safe_pip.extractors.values import Scope, Value, named

_LIBRARY = sys.stdlib_module_names | {"distutils", "imp"}


class Imports(Protocol):
    """What the interpreter asks of the program around it."""

    def find_module(self, name: str, *, importer: str, is_top_level: bool) -> Scope | None:
        """The scope of a module of the distribution, run; None when it is none of it."""

    def find_definition(self, ref: str, *, importer: str) -> Value | None:
        """A function or class of a module of the distribution that was not run."""

    def read_member(self, path: str, *, importer: str) -> tuple[str, str] | None:
        """The path and text of a member that a path with holes means."""


class OwnModules(Recording):
    """Finds modules and files of the distribution; those of the standard library stay its own."""

    def __init__(self, *, path: str, surface: Surface, fuel: int, imports: Imports) -> None:
        super().__init__(path=path, surface=surface, fuel=fuel)
        self.executed_members: set[str] = set()
        self._imports = imports
        self._neighbours: set[str] = set()

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

    def own(self, value: Value) -> Value:
        """What a name of the distribution's own means, read now if need be: only where code runs
        unasked, since everything calls everything where it is called."""
        if value.function is not None or not value.ref or self._stream.surface is Surface.OTHER:
            return value
        found = self._imports.find_definition(value.ref, importer=self.path)
        if found is None or (value.ref and self.is_of_library(value.ref)):
            return value
        return found

    def is_of_library(self, ref: str) -> bool:
        name = _library_name(ref)
        return name != "" and (name in SINKS or name in SINK_MODULES or name in self._special)

    def own_name(self, module: str, name: str) -> Value | None:
        names = self.import_module(module).parts
        if not isinstance(names, Outline):
            return None
        if name in names:
            return names[name]
        return named(f"{module}.{name}") if names.defines(name) else None

    def import_module(self, name: str) -> Value:
        scope = self._imports.find_module(
            name, importer=self.path, is_top_level=self._stream.surface is not Surface.OTHER
        )
        if scope is None:
            return named(name)
        if _library_name(name) and name not in self._neighbours:
            self._neighbours.add(name)
            self._run_neighbour(name, scope)
        return Value(ref=name, parts=scope.names)  # type: ignore[arg-type]

    def _run_neighbour(self, name: str, scope: Scope) -> None:
        """A file beside a script does take the place of the library's: what its functions do that
        the library's names hide is done as well."""
        for key, value in list(scope.names.items()):
            function = value.function
            if function is None or function.node in self._called:
                continue
            if self.is_of_library(f"{name}.{key}"):
                self.invoke(function, NO_ARGUMENTS)


@functools.lru_cache(maxsize=4_096)
def _library_name(ref: str) -> str:
    """The canonical name of what the standard library has; empty for anything else."""
    return canonical(ref) if ref.partition(".")[0] in _LIBRARY else ""
