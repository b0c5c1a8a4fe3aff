"""Recording: what is seen while one unit is run, stream by stream, each thing once."""

from __future__ import annotations

import ast
from collections import Counter

from safe_pip.errors import UnscannableError
from safe_pip.evidence import Surface
from safe_pip.extractors.capabilities import UNREMARKABLE_ACTIONS, Action
from safe_pip.extractors.commands import CommandFact
from safe_pip.extractors.conditions import MAIN_NAME
from safe_pip.extractors.events import Event, LiteralKind, Mark, Sighting, Stream
from safe_pip.extractors.implicit_calls import ImplicitCalls
from safe_pip.extractors.values import NO_ORIGINS, Origins, Value

MAX_EVENTS_PER_ACTION = 500
MAX_EVENTS_PER_LINE = 100
MAX_LITERALS = 200_000
# A program that computes as many different texts serves nobody but who wants us out of memory.
MAX_FOLDED_CHARS = 64 << 20


class Recording(ImplicitCalls):
    """Keeps events, texts and hidden look-ups of one unit."""

    def __init__(self, *, path: str, surface: Surface, fuel: int) -> None:
        super().__init__(path=path, surface=surface, fuel=fuel)
        self.streams: list[Stream] = []
        self.literals: dict[tuple[int, str | bytes], Sighting] = {}
        self.hidden_lookups: list[tuple[str, int, str, Surface]] = []
        self._event_counts: Counter[tuple[Action, bool]] = Counter()
        self._line_counts: Counter[tuple[Action, str, int]] = Counter()
        self._folded_chars = 0
        self._folds_main_name = False
        self._seen: set[tuple[object, ...]] = set()
        self._sightings: dict[LiteralKind, Sighting] = {}

    def _start(self, surface: Surface) -> None:
        self._stream = Stream(path=self.unit_path, surface=surface)
        self.streams.append(self._stream)
        self._seen = set()
        self._sightings = {}
        self._event_counts.clear()
        self._line_counts.clear()
        self._marks = frozenset()

    def emit(
        self,
        action: Action,
        name: str,
        node: ast.expr,
        *,
        data: Origins = NO_ORIGINS,
        address: Origins = NO_ORIGINS,
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
            address=address,
            text=text[:4_000],
            names=names,
            marks=self._marks | marks,
            facts=facts,
        )
        self._keep(event)

    def _keep(self, event: Event) -> None:
        key = (event.action, event.name, event.path, event.line, event.data, event.text)
        # What is harmless at one line, or all over, must not use up what tells.
        kind, place = (event.action, bool(event.facts)), (event.action, event.path, event.line)
        is_much = self._event_counts[kind] >= MAX_EVENTS_PER_ACTION
        if key in self._seen or is_much or self._line_counts[place] >= MAX_EVENTS_PER_LINE:
            return
        self._event_counts[kind] += 1
        self._line_counts[place] += 1
        self._seen.add(key)
        self._stream.events.append(event)

    def see_literal(self, node: ast.Constant, *, kind: LiteralKind = "written") -> None:
        value = node.value
        if self.path == self.unit_path and isinstance(value, (str, bytes)):
            if self._line_override:
                self._note_literal(self._line_override, value, "folded")
            elif (node.lineno, value) not in self.literals:
                self._note_literal(node.lineno, value, kind)

    def see_folded(self, value: Value, node: ast.expr) -> None:
        if isinstance(value.const, (str, bytes)) and len(value.const) > 1:
            if value.const == MAIN_NAME:
                self._folds_main_name = True
            line = self._line_override or getattr(node, "lineno", 0)
            self._note_literal(line, value.const, "folded")

    def _note_literal(self, line: int, value: str | bytes, kind: LiteralKind) -> None:
        if self.path == self.unit_path and len(self.literals) < MAX_LITERALS:
            key = (line, value)
            if key in self.literals:
                return
            if kind == "folded":
                self._folded_chars += len(value)
                if self._folded_chars > MAX_FOLDED_CHARS:
                    raise UnscannableError(
                        f"{self.path!a} computes more text than can be held",
                        reason="too-much-text",
                    )
            sighting = self._sightings.get(kind)
            if sighting is None:
                sighting = Sighting(kind=kind, surface=self._stream.surface)
                self._sightings[kind] = sighting
            self.literals[key] = sighting

    def see_hidden_lookup(self, node: ast.expr, detail: str) -> None:
        line = self._line_override or getattr(node, "lineno", 0)
        entry = (self.path, line, detail, self._stream.surface)
        if entry not in self.hidden_lookups and len(self.hidden_lookups) < 1_000:
            self.hidden_lookups.append(entry)

    def _has_remarkable_events(self, start: int) -> bool:
        return any(
            event.action not in UNREMARKABLE_ACTIONS and Mark.HARMLESS not in event.marks
            for event in self._stream.events[start:]
        )
