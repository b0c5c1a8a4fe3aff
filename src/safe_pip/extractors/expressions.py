"""Expressions: the value of every expression, read in place of run.

One pass folds constants, resolves aliases and follows where content comes from. Nothing of the
source is executed; what is not known is UNKNOWN or has a HOLE.
"""

from __future__ import annotations

import ast
import functools
import sys
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from safe_pip.extractors.containers import (
    concatenated,
    constant_items,
    element_of,
    fill_percent,
    sequence,
)
from safe_pip.extractors.events import LiteralKind
from safe_pip.extractors.folding import (
    fold_binary,
    fold_comparison,
    fold_subscript,
    fold_unary,
    joined,
)
from safe_pip.extractors.lookups import Lookups
from safe_pip.extractors.patterns import is_secret_path
from safe_pip.extractors.values import (
    DECODED,
    HOLE,
    NO_ORIGINS,
    SECRET_PATH,
    UNKNOWN,
    Constant,
    Function,
    FunctionNode,
    Origins,
    Scope,
    Value,
    join,
    join_origins,
    of_origins,
)

_MAX_COMPREHENSION_ITEMS = 20_000
_MAX_SECRET_PATH_CHARS = 400
_MAX_WORD_CHARS = 40
_MIN_DATA_ITEMS = 16
_NAME = ast.Name


def is_data(const: Constant | None) -> bool:
    """A literal long enough to hide something: text, bytes or a list of numbers."""
    if isinstance(const, tuple):
        return len(const) >= _MIN_DATA_ITEMS and all(isinstance(item, int) for item in const)
    return isinstance(const, (str, bytes)) and len(const) >= _MIN_DATA_ITEMS


_SMALL_NUMBERS = tuple(Value(const=number) for number in range(64))
_FALSE, _TRUE = _SMALL_NUMBERS[:2]


@functools.lru_cache(maxsize=4_096)
def _text_constant(const: str) -> Value:
    """A string that is not too long to be remembered."""
    is_secret = len(const) >= 4 and is_secret_path(const)
    return Value(const=const, origins=SECRET_PATH if is_secret else NO_ORIGINS)


def bound_method(base: Value, name: str) -> Value | None:
    """``"".join`` where it is not called: a method bound to a constant; None of anything else."""
    if base.ref or not isinstance(base.known, (str, bytes)) or name in (base.parts or ()):
        return None
    if not hasattr(type(base.known), name):
        return None
    return Value(parts={"receiver": base, "method": Value(const=name)}, origins=base.origins)


def text_value(text: str, *origins: Origins, is_partial: bool = True) -> Value:
    """A string with holes, marked when it names a credential store."""
    found = NO_ORIGINS.union(*origins) if origins else NO_ORIGINS
    if 4 <= len(text) <= _MAX_SECRET_PATH_CHARS and is_secret_path(text):
        found = found | SECRET_PATH
    return Value(const=text, is_partial=is_partial, origins=found)


class Expressions(Lookups):
    """Evaluates expressions; calls and literals are left to the subclass."""

    def __init__(self) -> None:
        super().__init__()
        self.fuel = 0
        self.written_words: set[str] = set()
        self._innermost: Scope | None = None
        self._n_rounds = 0
        self._by_node: dict[type[ast.AST], Callable[[Any, Scope], Value]] = {
            ast.Constant: self._constant,
            ast.Attribute: self._attribute,
            ast.Subscript: self._subscript,
            ast.Call: self.call,
            ast.BinOp: self._binary,
            ast.UnaryOp: self._unary,
            ast.BoolOp: self._bool,
            ast.Compare: self._compare,
            ast.IfExp: self._if,
            ast.JoinedStr: self._joined_text,
            ast.FormattedValue: self._formatted,
            ast.Lambda: self._lambda,
            ast.List: self._sequence,
            ast.Tuple: self._sequence,
            ast.Set: self._sequence,
            ast.Dict: self._dict,
            ast.ListComp: self._comprehension,
            ast.SetComp: self._comprehension,
            ast.GeneratorExp: self._comprehension,
            ast.DictComp: self._dict_comprehension,
            ast.Starred: lambda node, scope: self.evaluate(node.value, scope),
            ast.Await: lambda node, scope: self.evaluate(node.value, scope),
            ast.NamedExpr: self._named,
            ast.Yield: self._yield,
            ast.YieldFrom: self._yield,
            ast.Slice: self._bounds,
        }
        # Template strings (PEP 750): what stands in their braces is evaluated as in an f-string.
        if sys.version_info >= (3, 14):
            self._by_node[ast.TemplateStr] = self._joined_text
            self._by_node[ast.Interpolation] = self._formatted

    @abstractmethod
    def call(self, node: ast.Call, scope: Scope) -> Value: ...

    @abstractmethod
    def assign(self, target: ast.expr, value: Value, scope: Scope) -> None: ...

    @abstractmethod
    def see_literal(self, node: ast.Constant, *, kind: LiteralKind = "written") -> None: ...

    @abstractmethod
    def see_folded(self, value: Value, node: ast.expr) -> None: ...

    @abstractmethod
    def glance(self, node: ast.expr | None, scope: Scope) -> None:
        """Evaluates an expression at a place where honest code computes nothing, if it acts."""

    @abstractmethod
    def glance_at_signature(self, node: FunctionNode, scope: Scope) -> None: ...

    @abstractmethod
    def see_function(self, function: Function) -> None:
        """A function that is made: it may be called by somebody whom nobody sees."""

    @abstractmethod
    def see_attribute(self, value: Value) -> Value:
        """What an attribute of the distribution's own objects gives."""

    @abstractmethod
    def see_return(self, value: Value) -> None: ...

    def evaluate(self, node: ast.expr | None, scope: Scope) -> Value:
        if node is None:
            return UNKNOWN
        self.fuel -= 1
        kind = type(node)
        if kind is _NAME:
            # The commonest expression of all: ``look_up`` without three calls.
            name = node.id  # type: ignore[attr-defined]
            inner: Scope | None = scope
            while inner is not None:
                found = inner.names.get(name)
                if found is not None:
                    return found
                inner = inner.parent
            return self.look_up_outside(name, scope)
        handler = self._by_node.get(kind)
        return UNKNOWN if handler is None else handler(node, scope)

    def _constant(self, node: ast.Constant, scope: Scope) -> Value:
        del scope
        const = node.value
        if isinstance(const, str):
            self.see_literal(node)
            n_chars = len(const)
            if n_chars <= _MAX_WORD_CHARS:
                self.written_words.add(const)
            return (
                _text_constant(const) if n_chars <= _MAX_SECRET_PATH_CHARS else Value(const=const)
            )
        if const is None:
            return UNKNOWN
        if isinstance(const, bytes):
            self.see_literal(node)
            return Value(const=const)
        if isinstance(const, bool):
            return _TRUE if const else _FALSE
        if type(const) is int and 0 <= const < len(_SMALL_NUMBERS):
            return _SMALL_NUMBERS[const]
        return Value(const=const) if isinstance(const, (int, float)) else UNKNOWN

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Value:
        # As long sums do, chains nest as deep as they are long.
        chain: list[ast.Attribute] = []
        inner = node.value
        while type(inner) is ast.Attribute:
            chain.append(inner)
            inner = inner.value
        base = self.evaluate(inner, scope)
        if chain:
            self.fuel -= len(chain)
            for link in reversed(chain):
                base = self._attribute_of(base, link)
        return self._attribute_of(base, node)

    def _attribute_of(self, base: Value, node: ast.Attribute) -> Value:
        found = bound_method(base, node.attr) if base.const is not None else None
        return found or self.read_attribute(base, node.attr, node)

    def read_attribute(self, base: Value, name: str, node: ast.expr) -> Value:
        """``base.name``; of a property, what it returns."""
        found = self.attribute(base, name, node)
        if found.function is not None and found.function is not base.function:
            return self.see_attribute(found)
        return found

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Value:
        base = self.evaluate(node.value, scope)
        if isinstance(node.slice, ast.Slice):
            return self._slice(base, node.slice, scope)
        index = self.evaluate(node.slice, scope)
        return self.item(base, index, scope, node)

    def _slice(self, base: Value, node: ast.Slice, scope: Scope) -> Value:
        bounds = []
        for part in (node.lower, node.upper, node.step):
            value = self.evaluate(part, scope).known if part is not None else None
            if part is not None and not isinstance(value, int):
                self._bounds(node, scope)
                return Value(origins=base.origins) if base.origins else UNKNOWN
            bounds.append(value)
        if base.known is not None:
            folded = fold_subscript(base.known, slice(*bounds))
            if folded is not None:
                origins = base.origins
                if bounds[2] == -1 and isinstance(folded, (str, bytes)) and len(folded) > 3:
                    origins = origins | DECODED
                result = Value(const=folded, origins=origins)
                self.see_folded(result, node)
                return result
        return Value(origins=base.origins) if base.origins else UNKNOWN

    def _binary(self, node: ast.BinOp, scope: Scope) -> Value:
        # Long sums nest to the left as deep as they are long, so they are unrolled.
        chain: list[ast.BinOp] = []
        left_node: ast.expr = node
        while isinstance(left_node, ast.BinOp):
            chain.append(left_node)
            left_node = left_node.left
        result = self.evaluate(left_node, scope)
        for link in reversed(chain):
            result = self._operate(link.op, result, self.evaluate(link.right, scope))
        if isinstance(result.const, (str, bytes)):
            self.see_folded(result, node)
        return result

    def _operate(self, op: ast.operator, left: Value, right: Value) -> Value:
        origins = join_origins(left, right)
        if left.known is not None and right.known is not None:
            folded = fold_binary(op, left.known, right.known)
            if folded is not None:
                if isinstance(folded, str) and len(folded) <= _MAX_SECRET_PATH_CHARS:
                    return text_value(folded, origins, is_partial=False)
                return Value(const=folded, origins=origins)
        match op:
            case ast.Add() if isinstance(left.const, str) or isinstance(right.const, str):
                return text_value(joined((left.text, right.text)), origins)
            case ast.Add() if left.parts is not None or right.parts is not None:
                return concatenated(left, right)
            case ast.Mod() if isinstance(left.const, str):
                return text_value(fill_percent(left.const, right), origins)
            case ast.Div() if left.ref.startswith("pathlib.") or left.ref == "__file__":
                path = text_value(joined((left.text, right.text), "/"), origins)
                return Value(
                    const=path.const, is_partial=True, ref="pathlib.Path()", origins=path.origins
                )
        return of_origins(origins)

    def _unary(self, node: ast.UnaryOp, scope: Scope) -> Value:
        operators = [node.op]
        inner = node.operand
        while isinstance(inner, ast.UnaryOp):
            operators.append(inner.op)
            inner = inner.operand
        known = self.evaluate(inner, scope).known
        for operator in reversed(operators):
            known = None if known is None else fold_unary(operator, known)
        return UNKNOWN if known is None else Value(const=known)

    def _bool(self, node: ast.BoolOp, scope: Scope) -> Value:
        result = UNKNOWN
        for operand in reversed([self.evaluate(value, scope) for value in node.values]):
            result = join(result, operand)
        return result

    def _compare(self, node: ast.Compare, scope: Scope) -> Value:
        left = self.evaluate(node.left, scope)
        for comparator in node.comparators:
            right = self.evaluate(comparator, scope)
        # Most know at most one side.
        if left.const is None or right.const is None or len(node.comparators) != 1:
            return UNKNOWN
        if left.is_partial or right.is_partial:
            return UNKNOWN
        folded = fold_comparison(node.ops[0], left.const, right.const)
        return UNKNOWN if folded is None else Value(const=int(folded))

    def _if(self, node: ast.IfExp, scope: Scope) -> Value:
        test = self.evaluate(node.test, scope)
        otherwise = self.evaluate(node.orelse, scope)
        body = self.evaluate(node.body, scope)
        # Both count, whatever the test says: it is known only as far as this reading goes.
        return join(body, otherwise) if test.known == 0 else join(otherwise, body)

    def _bounds(self, node: ast.Slice, scope: Scope) -> Value:
        for part in (node.lower, node.upper, node.step):
            self.glance(part, scope)
        return UNKNOWN

    def _formatted(self, node: Any, scope: Scope) -> Value:
        value = self.evaluate(node.value, scope)
        self.glance(node.format_spec, scope)
        return value

    def _joined_text(self, node: Any, scope: Scope) -> Value:
        texts: list[str] = []
        origins = NO_ORIGINS
        is_partial = False
        for part in node.values:
            if isinstance(part, ast.Constant):
                texts.append(str(part.value))
                continue
            value = self.evaluate(part, scope)
            origins = origins | value.origins
            is_partial = is_partial or value.known is None
            texts.append(value.text)
        text = joined(texts)
        is_cut = len(text) < sum(map(len, texts))
        result = text_value(text, origins, is_partial=is_partial or is_cut)
        self.see_folded(result, node)
        return result

    def _lambda(self, node: ast.Lambda, scope: Scope) -> Value:
        self.glance_at_signature(node, scope)
        function = Function(node=node, path=self.path, scope=scope)
        self.see_function(function)
        return Value(function=function)

    def _sequence(self, node: ast.List | ast.Tuple | ast.Set, scope: Scope) -> Value:
        values: list[Value] = []
        for element in node.elts:
            value = self.evaluate(element, scope)
            if isinstance(element, ast.Starred) and isinstance(value.known, tuple):
                values.extend(Value(const=item) for item in value.known)
            else:
                values.append(value)
        return sequence(values)

    def _dict(self, node: ast.Dict, scope: Scope) -> Value:
        parts: dict[Constant, Value] = {}
        origins = NO_ORIGINS
        for key_node, value_node in zip(node.keys, node.values, strict=True):
            key = self.evaluate(key_node, scope)
            value = self.evaluate(value_node, scope)
            origins = origins | value.origins | key.origins
            if key.known is not None:
                parts[key.known] = value
        return Value(parts=parts, origins=origins)

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, scope: Scope
    ) -> Value:
        inner = Scope(module=scope.module, parent=scope)
        first = node.generators[0]
        source = self.evaluate(first.iter, scope)
        items = constant_items(source)
        is_plain = len(node.generators) == 1 and not first.ifs
        # One that stands in another has its rounds counted with the other's.
        outer = self._innermost, self._n_rounds
        n_rounds = self._n_rounds if scope is self._innermost else 0
        if items is not None and is_plain and n_rounds < _MAX_COMPREHENSION_ITEMS:
            self._innermost, self._n_rounds = inner, n_rounds
            try:
                whole = sequence(self._rounds(node, items, inner))
            finally:
                n_rounds = self._n_rounds if scope is outer[0] else outer[1]
                self._innermost, self._n_rounds = outer[0], n_rounds
            if whole.known is None and is_data(source.known):
                # What is computed letter by letter from a literal is a decoding.
                return Value(parts=whole.parts, origins=whole.origins | DECODED)
            return whole
        self._bind_generators(node.generators, source, inner)
        element = self.evaluate(node.elt, inner)
        origins = element.origins | source.origins
        if is_plain and element.known is None and is_data(source.known):
            origins = origins | DECODED
        return Value(parts={HOLE: element}, origins=origins)

    def _rounds(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, items: list[Value], inner: Scope
    ) -> list[Value]:
        target, results = node.generators[0].target, []
        for item in items:
            if self._n_rounds >= _MAX_COMPREHENSION_ITEMS:
                break
            self._n_rounds += 1
            self.assign(target, item, inner)
            results.append(self.evaluate(node.elt, inner))
        return results

    def _dict_comprehension(self, node: ast.DictComp, scope: Scope) -> Value:
        inner = Scope(module=scope.module, parent=scope)
        source = self.evaluate(node.generators[0].iter, scope)
        self._bind_generators(node.generators, source, inner)
        key = self.evaluate(node.key, inner)
        value = self.evaluate(node.value, inner)
        return Value(origins=join_origins(source, key, value))

    def _bind_generators(
        self, generators: list[ast.comprehension], source: Value, inner: Scope
    ) -> None:
        self.assign(generators[0].target, element_of(source), inner)
        for generator in generators[1:]:
            self.assign(generator.target, element_of(self.evaluate(generator.iter, inner)), inner)
        for generator in generators:
            for test in generator.ifs:
                self.evaluate(test, inner)

    def _named(self, node: ast.NamedExpr, scope: Scope) -> Value:
        value = self.evaluate(node.value, scope)
        self.assign(node.target, value, scope)
        return value

    def _yield(self, node: ast.Yield | ast.YieldFrom, scope: Scope) -> Value:
        value = self.evaluate(node.value, scope)
        if isinstance(node, ast.Yield):
            value = Value(parts={HOLE: value}, origins=value.origins)
        self.see_return(value)
        return UNKNOWN
