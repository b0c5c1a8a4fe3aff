"""Modules that are remembered no more are freed, and nothing that is still in use."""

from __future__ import annotations

import ast
import gc
import weakref
from collections.abc import Iterator

import pytest

from safe_pip.evidence import Surface
from safe_pip.extractors.forgetting import forget
from safe_pip.extractors.interpreter import Interpreter
from safe_pip.extractors.program import Program
from safe_pip.extractors.values import Scope, Value
from tests.sources import distribution_of

_CLASSES = """
class Base:
    def run(self):
        return self.helper()
class Child(Base):
    def __init__(self):
        self.run = self.run
        self.other = Child
def make():
    def inner():
        return make()
    return Child()
made = make()
made.again = make
"""


def _run(source: str) -> tuple[Scope, weakref.ref[ast.stmt]]:
    """The scope of a source, and its first function or class."""
    imports = Program(distribution_of({}))
    interpreter = Interpreter(path="m.py", surface=Surface.MODULE, imports=imports)
    tree = ast.parse(source)
    interpreter.run(tree)
    interpreter.release()
    return interpreter.scope, weakref.ref(tree.body[0])


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("source", ["def f():\n    return f\n", _CLASSES])
def test_a_dropped_module_is_freed_without_the_collector(source: str) -> None:
    scope, node = _run(source)
    assert node() is not None
    assert forget([scope], kept=[]) == []
    del scope
    assert node() is None


@pytest.mark.parametrize("held_as", ["function", "instance", "module", "element", "closure"])
def test_what_a_kept_module_reaches_is_left_whole(held_as: str) -> None:
    scope, node = _run("def f():\n    return g()\ndef g():\n    return 1\n")
    names = dict(scope.names)
    kept = Scope(module="kept.py")
    match held_as:
        case "function":
            held = scope.names["f"]
        case "instance":
            holder, _ = _run("class C:\n    pass\n")
            function = holder.names["C"].function
            assert function is not None
            function.attributes["f"] = scope.names["f"]
            held = Value(function=function)
        case "module":
            held = Value(ref="m", parts=scope.names)  # type: ignore[arg-type]
        case "element":
            held = Value(parts={0: Value(parts={"key": scope.names["g"]})})
        case _:
            inner = Scope(module="m.py", parent=scope)
            kept = Scope(module="kept.py", parent=inner)
            held = Value()
    kept.names["held"] = held
    assert forget([scope], kept=[kept]) == [scope]
    assert scope.names == names and node() is not None
    assert forget([scope], kept=[]) == []
    assert not scope.names
