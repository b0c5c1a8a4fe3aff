"""Loops: one over constants is unrolled, as decoders need it, any other is read once."""

from __future__ import annotations

import ast
from abc import abstractmethod
from collections.abc import Iterable, Set

from safe_pip.evidence import Surface
from safe_pip.extractors.bindings import Bindings
from safe_pip.extractors.conditions import is_arithmetic
from safe_pip.extractors.containers import constant_items, element_of, is_long
from safe_pip.extractors.events import Mark, Stream
from safe_pip.extractors.values import UNKNOWN, Constant, Scope, Value, is_same, join

MAX_UNROLLED_ITEMS = 50_000
MAX_COUNTED_ROUNDS = 20_000
MAX_SHORT_LOOP = 8
MAX_JOINED_ITEMS = 8
# What a round of a decoder evaluates; a loop that does more is no decoder: it pays for itself, and
# its first rounds tell.
MAX_DECODING_STEP = 100
LOOP_FUEL_PER_UNIT = 1_000_000
# What holds a state that no name tells.
_OWN_STATE = (
    *(ast.Await, ast.Yield, ast.YieldFrom, ast.Global, ast.Nonlocal, ast.Import, ast.ImportFrom),
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda),
)
_CHANGING_CALLS = frozenset(
    """__import__ compile delattr eval exec execfile globals locals next run_code runcode runsource
    setattr vars""".split()  # noqa: SIM905
)
_LOOP_MARKS = frozenset((Mark.IN_LOOP,))


class Loops(Bindings):
    """Runs loops and branches; what stands in them is left to the subclass."""

    def __init__(self, *, path: str, surface: Surface) -> None:
        super().__init__()
        self.path = path
        self._loop_fuel = LOOP_FUEL_PER_UNIT
        self._stream = Stream(path=path, surface=surface)
        self._marks: frozenset[Mark] = frozenset()

    @abstractmethod
    def run_statements(self, statements: Iterable[ast.stmt], scope: Scope) -> None: ...

    def _for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
        source = self.evaluate(node.iter, scope)
        is_unrolled = not is_long(source, MAX_SHORT_LOOP) or is_arithmetic(node.body)
        items = constant_items(source) if is_unrolled else None
        if items and len(items) <= MAX_UNROLLED_ITEMS:
            self._unroll(node, items, scope)
        else:
            self.assign(node.target, element_of(source), scope)
            self._run_branch(node.body, scope, _LOOP_MARKS)
        self.run_statements(node.orelse, scope)

    def _unroll(self, node: ast.For | ast.AsyncFor, items: list[Value], scope: Scope) -> None:
        """Runs a loop over constants item by item, as decoders need it, on fuel of its own."""
        is_decoding = len(items) > MAX_SHORT_LOOP
        if self.fuel <= 0 or self._loop_fuel <= 0:
            self._run_rest(node, items, scope)
            return
        names = _names_of_rounds(node) if len(items) > 2 * MAX_SHORT_LOOP else None
        for position, item in enumerate(items):
            if self.fuel <= 0 or self._loop_fuel <= 0:
                self._run_rest(node, items[position:], scope)
                break
            before = self.fuel
            held = self._held(names, scope) if names and position >= MAX_SHORT_LOOP else None
            self.assign(node.target, item, scope)
            self.run_statements(node.body, scope)
            spent = before - self.fuel
            self._loop_fuel -= spent
            if is_decoding and spent <= MAX_DECODING_STEP:
                self.fuel = before
            elif is_decoding and position >= MAX_SHORT_LOOP:
                self._run_rest(node, items[position + 1 :], scope)
                break
            if held is not None and all(map(is_same, held, self._held(names, scope) or ())):
                break  # The next round is as this one was.

    def _held(self, names: Iterable[str] | None, scope: Scope) -> list[Value] | None:
        """What names mean; None if a call of one may change more than them."""
        values = [scope.find(name) or UNKNOWN for name in names or ()]
        return None if any(map(_may_change_others, values)) else values

    def _run_rest(self, node: ast.For | ast.AsyncFor, items: list[Value], scope: Scope) -> None:
        """One round for all items that have none of their own: what differs among them, joined."""
        if not items or not self.runs_unasked:
            return
        kinds = {(item.ref, item.function): item for item in items}
        rest = UNKNOWN
        for item in list(kinds.values())[-MAX_JOINED_ITEMS:]:
            rest = join(rest, item)
        self.assign(node.target, rest, scope)
        self.run_statements(node.body, scope)

    def _while(self, node: ast.While, scope: Scope) -> None:
        test = self.evaluate(node.test, scope)
        is_counted = test.known and isinstance(node.test, ast.Compare) and is_arithmetic(node.body)
        if not is_counted or not self._count(node, scope):
            self._run_branch(node.body, scope, _LOOP_MARKS)
        self.run_statements(node.orelse, scope)

    def _count(self, node: ast.While, scope: Scope) -> bool:
        """Runs a loop as long as a number that it tests is known and changes, as decoders do.
        Gives whether it came to its end."""
        names = [part.id for part in ast.walk(node.test) if isinstance(part, ast.Name)]
        fuel, marks = self.fuel, self._marks
        self._marks = marks | _LOOP_MARKS
        is_true: Constant | None = 1
        for _ in range(MAX_COUNTED_ROUNDS):
            before = self.fuel
            numbers = _numbers(names, scope)
            self.run_statements(node.body, scope)
            is_true = self.evaluate(node.test, scope).known
            self._loop_fuel -= before - self.fuel
            if not is_true or self._loop_fuel <= 0 or numbers == _numbers(names, scope):
                break
        self.fuel, self._marks = fuel, marks
        return is_true == 0

    def _run_branch(
        self, statements: list[ast.stmt], scope: Scope, marks: Set[Mark] = frozenset()
    ) -> None:
        """Statements that may be run or not: what they bind may hold beside what held before."""
        if not statements:
            return
        outer = self._marks
        if marks:
            self._marks = outer | marks
        self._branch_depth += 1
        try:
            self.run_statements(statements, scope)
        finally:
            self._branch_depth -= 1
            self._marks = outer


def _names_of_rounds(node: ast.For | ast.AsyncFor) -> list[str] | None:
    """The names in a loop's body, if no round has anything of its own: none for a body that reads
    the loop's own name, or calls what is no plain name or a method of one."""
    names: dict[str, None] = {}
    own = {part.id for part in ast.walk(node.target) if isinstance(part, ast.Name)}
    for statement in node.body:
        for part in ast.walk(statement):
            if isinstance(part, ast.Name):
                names[part.id] = None
            is_hidden_call = isinstance(part, ast.Call) and not _is_by_name(part.func)
            if is_hidden_call or isinstance(part, _OWN_STATE):
                return None
    has_own = bool(own & names.keys()) or not _CHANGING_CALLS.isdisjoint(names)
    return None if has_own or not own else list(names)


def _may_change_others(value: Value) -> bool:
    """Whether a value is code of the distribution, a module of it, or what executes text."""
    is_module = value.parts is not None and bool(value.ref) and "()" not in value.ref
    is_executing = value.ref.rpartition(".")[2] in _CHANGING_CALLS
    return value.function is not None or is_module or is_executing


def _is_by_name(callee: ast.expr) -> bool:
    return isinstance(callee.value if isinstance(callee, ast.Attribute) else callee, ast.Name)


def _numbers(names: Iterable[str], scope: Scope) -> list[int]:
    values = [(scope.find(name) or UNKNOWN).known for name in names]
    return [value for value in values if isinstance(value, int)]
