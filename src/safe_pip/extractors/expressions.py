"""Expressions: the value of every expression, read in place of run.

One pass folds constants, resolves aliases and follows where content comes from. Nothing of the
source is executed; what is not known is UNKNOWN or has a HOLE.
"""

from __future__ import annotations

import ast
import builtins
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

from safe_pip.extractors.capabilities import (
    DYNAMIC_BUILTINS,
    SINK_MODULES,
    SINKS,
    canonical,
)
from safe_pip.extractors.events import LiteralKind
from safe_pip.extractors.folding import fold_binary, fold_subscript, fold_unary
from safe_pip.extractors.patterns import is_secret_path
from safe_pip.extractors.values import (
    HOLE,
    NO_ORIGINS,
    UNKNOWN,
    Constant,
    Function,
    Origins,
    Scope,
    Value,
    join,
    join_origins,
)

_BUILTIN_NAMES = frozenset((*dir(builtins), "execfile", "unicode", "unichr", "raw_input", "reload"))
_HOST_VARIABLES = frozenset(
    ("COMPUTERNAME", "HOSTNAME", "LOGNAME", "USER", "USERDOMAIN", "USERNAME", "USERPROFILE")
)
_NAMESPACES = frozenset(("builtins.globals", "builtins.locals", "builtins.vars"))
_MAX_COMPREHENSION_ITEMS = 20_000
_MAX_SECRET_PATH_CHARS = 400
SECRET_PATH: Origins = frozenset(("secret-path",))
DECODED: Origins = frozenset(("decoded",))
_BUILTIN_TYPES = frozenset(
    name for name, thing in vars(builtins).items() if isinstance(thing, type)
)


def text_value(text: str, *origins: Origins, is_partial: bool = True) -> Value:
    """A string with holes, marked when it names a credential store."""
    found = NO_ORIGINS.union(*origins)
    if 4 <= len(text) <= _MAX_SECRET_PATH_CHARS and is_secret_path(text):
        found = found | SECRET_PATH
    return Value(const=text, is_partial=is_partial, origins=found)


def variable_value(name: str) -> Value:
    """One environment variable, by name: a hole that keeps its name."""
    origins: Origins = frozenset(("host",)) if name in _HOST_VARIABLES else NO_ORIGINS
    return Value(const=f"%{name}%", is_partial=True, origins=origins)


class Expressions(ABC):
    """Evaluates expressions; calls and literals are left to the subclass."""

    def __init__(self) -> None:
        self.path = ""
        self._by_node: dict[type[ast.AST], Callable[[Any, Scope], Value]] = {
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.Attribute: self._attribute,
            ast.Subscript: self._subscript,
            ast.Call: self.call,
            ast.BinOp: self._binary,
            ast.UnaryOp: self._unary,
            ast.BoolOp: self._bool,
            ast.Compare: self._compare,
            ast.IfExp: self._if,
            ast.JoinedStr: self._joined_text,
            ast.FormattedValue: lambda node, scope: self.evaluate(node.value, scope),
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
            ast.Slice: lambda _node, _scope: UNKNOWN,
        }

    @abstractmethod
    def call(self, node: ast.Call, scope: Scope) -> Value: ...

    @abstractmethod
    def assign(self, target: ast.expr, value: Value, scope: Scope) -> None: ...

    @abstractmethod
    def see_literal(self, node: ast.Constant, *, kind: LiteralKind = "written") -> None: ...

    @abstractmethod
    def see_folded(self, value: Value, node: ast.expr) -> None: ...

    @abstractmethod
    def see_return(self, value: Value) -> None: ...

    @abstractmethod
    def see_hidden_lookup(self, node: ast.expr, detail: str) -> None: ...

    @abstractmethod
    def burn(self) -> None: ...

    def evaluate(self, node: ast.expr | None, scope: Scope) -> Value:
        if node is None:
            return UNKNOWN
        self.burn()
        handler = self._by_node.get(type(node))
        return UNKNOWN if handler is None else handler(node, scope)

    def _constant(self, node: ast.Constant, scope: Scope) -> Value:
        del scope
        const = node.value
        if isinstance(const, (str, bytes)):
            self.see_literal(node)
            if isinstance(const, str) and 4 <= len(const) <= _MAX_SECRET_PATH_CHARS:
                return text_value(const, is_partial=False)
            return Value(const=const)
        if isinstance(const, bool):
            return Value(const=int(const))
        return Value(const=const) if isinstance(const, (int, float)) else UNKNOWN

    def _name(self, node: ast.Name, scope: Scope) -> Value:
        return self.look_up(node.id, scope)

    def look_up(self, name: str, scope: Scope) -> Value:
        """What a bare name means in a scope, builtins included."""
        found = scope.find(name)
        if found is not None:
            return found
        for module in scope.globals.star_imports:
            full_name = f"{module}.{name}"
            if canonical(full_name) in SINKS or canonical(full_name) in SINK_MODULES:
                return Value(ref=full_name)
        match name:
            case "__builtins__":
                return Value(ref="builtins")
            case "__file__":
                file_name = self.path.rpartition("/")[2]
                return Value(const=f"{HOLE}/{file_name}", is_partial=True, ref="__file__")
            case _ if name in _BUILTIN_NAMES:
                return Value(ref=f"builtins.{name}")
        return UNKNOWN

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Value:
        return self.attribute(self.evaluate(node.value, scope), node.attr, node)

    def attribute(self, base: Value, name: str, node: ast.expr) -> Value:
        """``base.name``"""
        if base.function is not None:
            found = self._member(base.function, name)
            if found is not None:
                return found
        if base.parts is not None and name in base.parts:
            return base.parts[name]
        if name == "__globals__":
            return Value(ref="builtins.globals()")
        if name == "__builtins__":
            self.see_hidden_lookup(node, f"reaches builtins through {name}")
            return Value(ref="builtins")
        if name == "__subclasses__" and _climbs_to_object(node):
            self.see_hidden_lookup(node, "reaches every class through object")
        if name in ("__dict__", "__getattribute__", "__call__") and base.ref:
            return Value(ref=f"{base.ref}.{name}") if name == "__getattribute__" else base
        if not base.ref:
            return Value(origins=base.origins) if base.origins else UNKNOWN
        ref = f"{base.ref}.{name}"
        if ref == "typing.TYPE_CHECKING":
            return Value(const=0)
        if ref == "sys.executable":
            return Value(const="python", is_partial=True, ref=ref)
        if ref in ("os.environ", "os.environb"):
            return Value(ref=ref, origins=frozenset(("environment",)))
        if base.ref == "__file__" or base.ref.startswith("pathlib.Path()"):
            return Value(const=HOLE, is_partial=True, ref="pathlib.Path()", origins=base.origins)
        parts = base.parts if base.parts is not None and "path" in base.parts else None
        return Value(ref=ref, origins=base.origins, parts=parts)

    def _member(self, function: Function, name: str) -> Value | None:
        found = function.attributes.get(name)
        if found is None and function.members is not None:
            found = function.members.names.get(name)
        if found is not None:
            inner = found.function
            if inner is not None and not inner.is_class and function.is_class:
                return bound(found, function)
            return found
        for base in function.bases:
            if base.function is not None and base.function is not function:
                inherited = self._member(base.function, name)
                if inherited is not None and inherited.function is not None:
                    return bound(inherited, function)
                if inherited is not None:
                    return inherited
            elif base.ref:
                return Value(ref=f"{base.ref}.{name}")
        return None

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Value:
        base = self.evaluate(node.value, scope)
        if isinstance(node.slice, ast.Slice):
            return self._slice(base, node.slice, scope)
        index = self.evaluate(node.slice, scope)
        return self.item(base, index, scope, node)

    def item(self, base: Value, index: Value, scope: Scope, node: ast.expr) -> Value:
        """``base[index]``"""
        key = index.known
        if base.parts is not None and key is not None and key in base.parts:
            return base.parts[key]
        if base.known is not None and isinstance(key, int):
            folded = fold_subscript(base.known, key)
            if folded is not None:
                return Value(const=folded, origins=base.origins)
        if base.ref in ("os.environ", "os.environb"):
            return variable_value(index.text) if key is not None else UNKNOWN
        if base.ref and canonical(base.ref) in _NAMESPACES:
            if not isinstance(key, str):
                return UNKNOWN
            found = self.look_up(key, scope)
            name = canonical(found.ref)
            if name in DYNAMIC_BUILTINS or name in SINKS:
                self.see_hidden_lookup(node, f'looks "{key}" up in a namespace')
            return found
        if base.ref == "sys.argv":
            return Value(const=HOLE, is_partial=True, ref=base.ref)
        if base.ref == "sys.modules" and isinstance(key, str):
            return Value(ref=key)
        if base.ref == "builtins" and isinstance(key, str):
            return Value(ref=f"builtins.{key}")
        if base.ref and base.ref.count(".") == 0 and isinstance(key, str) and "()" not in base.ref:
            return Value(ref=f"{base.ref}.{key}", origins=base.origins)
        if base.parts is not None and key is None and 0 < len(base.parts) <= 16:
            result = UNKNOWN
            for part in base.parts.values():
                result = join(result, part)
            return result
        ref = base.ref if base.ref.endswith("()") else ""
        return Value(ref=ref, origins=base.origins) if base.origins or ref else UNKNOWN

    def _slice(self, base: Value, node: ast.Slice, scope: Scope) -> Value:
        bounds = []
        for part in (node.lower, node.upper, node.step):
            value = self.evaluate(part, scope).known if part is not None else None
            if part is not None and not isinstance(value, int):
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
                return text_value(left.text + right.text, origins)
            case ast.Add() if left.parts is not None or right.parts is not None:
                return concatenated(left, right)
            case ast.Mod() if isinstance(left.const, str):
                return text_value(fill_percent(left.const, right), origins)
            case ast.Div() if left.ref.startswith("pathlib.") or left.ref == "__file__":
                joined = text_value(f"{left.text}/{right.text}", origins)
                return Value(
                    const=joined.const,
                    is_partial=True,
                    ref="pathlib.Path()",
                    origins=joined.origins,
                )
        return Value(origins=origins) if origins else UNKNOWN

    def _unary(self, node: ast.UnaryOp, scope: Scope) -> Value:
        operand = self.evaluate(node.operand, scope)
        if operand.known is None:
            return UNKNOWN
        folded = fold_unary(node.op, operand.known)
        return UNKNOWN if folded is None else Value(const=folded)

    def _bool(self, node: ast.BoolOp, scope: Scope) -> Value:
        result = UNKNOWN
        for operand in reversed([self.evaluate(value, scope) for value in node.values]):
            result = join(result, operand)
        return result

    def _compare(self, node: ast.Compare, scope: Scope) -> Value:
        self.evaluate(node.left, scope)
        for comparator in node.comparators:
            self.evaluate(comparator, scope)
        return UNKNOWN

    def _if(self, node: ast.IfExp, scope: Scope) -> Value:
        self.evaluate(node.test, scope)
        otherwise = self.evaluate(node.orelse, scope)
        return join(otherwise, self.evaluate(node.body, scope))

    def _joined_text(self, node: ast.JoinedStr, scope: Scope) -> Value:
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
        result = text_value("".join(texts), origins, is_partial=is_partial)
        self.see_folded(result, node)
        return result

    def _lambda(self, node: ast.Lambda, scope: Scope) -> Value:
        return Value(function=Function(node=node, path=self.path, scope=scope))

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
        if items is not None and len(node.generators) == 1 and not first.ifs:
            results = []
            for item in items[:_MAX_COMPREHENSION_ITEMS]:
                self.assign(first.target, item, inner)
                results.append(self.evaluate(node.elt, inner))
            return sequence(results)
        self._bind_generators(node.generators, source, inner)
        element = self.evaluate(node.elt, inner)
        return Value(parts={HOLE: element}, origins=element.origins | source.origins)

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
        self.see_return(self.evaluate(node.value, scope))
        return UNKNOWN


def bound(value: Value, receiver: Function) -> Value:
    """A method bound to an instance of ``receiver``."""
    function = value.function
    if function is None or function.is_class or is_static(function):
        return value
    instance = Value(function=receiver)
    return Value(
        function=Function(
            node=function.node, path=function.path, scope=function.scope, receiver=instance
        )
    )


def is_static(function: Function) -> bool:
    decorators = getattr(function.node, "decorator_list", ())
    return any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in decorators)


def sequence(values: list[Value]) -> Value:
    """A list, tuple or set: a constant when every element is one."""
    constants = [value.known for value in values]
    origins = join_origins(*values)
    if None not in constants:
        return Value(const=tuple(constants), origins=origins)  # type: ignore[arg-type]
    return Value(parts=dict(enumerate(values)), origins=origins)


def concatenated(left: Value, right: Value) -> Value:
    values = [*(constant_items(left) or _parts(left)), *(constant_items(right) or _parts(right))]
    return sequence(values)


def _parts(value: Value) -> Iterator[Value]:
    return iter(value.parts.values()) if value.parts is not None else iter((value,))


def constant_items(value: Value) -> list[Value] | None:
    """The elements of a constant container or string, or None when they are not all known."""
    match value.known:
        case str() | bytes() | tuple() as items:
            return [Value(const=item, origins=value.origins) for item in items]
    if value.parts is not None and not value.ref and HOLE not in value.parts:
        is_mapping = any(isinstance(key, str) for key in value.parts)
        if is_mapping:
            return [Value(const=key) for key in value.parts]
        return list(value.parts.values())
    return None


def element_of(container: Value) -> Value:
    """Any one element."""
    if container.parts is not None and len(container.parts) <= 64:
        result = UNKNOWN
        for part in container.parts.values():
            result = join(result, part)
        origins = result.origins | container.origins
        return Value(
            const=result.const,
            is_partial=True,
            ref=result.ref,
            origins=origins,
            parts=result.parts,
            function=result.function,
        )
    if isinstance(container.const, tuple) and container.const:
        first = container.const[0]
        return Value(const=first, is_partial=True, origins=container.origins)
    if container.ref.endswith("()"):
        return Value(ref=container.ref, origins=container.origins)
    return Value(origins=container.origins) if container.origins else UNKNOWN


def _climbs_to_object(node: ast.expr) -> bool:
    """``().__class__.__base__.__subclasses__`` and its like."""
    match node:
        case ast.Attribute(value=ast.Attribute(attr="__base__" | "__mro__" | "__bases__")):
            return True
        case ast.Attribute(value=ast.Subscript(value=ast.Attribute(attr=name))):
            return name in ("__bases__", "__mro__")
        case ast.Attribute(value=ast.Name(id="object")):
            return True
    return False


def builtin_text(ref: str) -> str:
    """``str(f)`` of a builtin, which some packers take letters from; else the empty string."""
    module, _, name = ref.partition(".")
    if module != "builtins" or name not in _BUILTIN_NAMES:
        return ""
    return f"<class '{name}'>" if name in _BUILTIN_TYPES else f"<built-in function {name}>"


def fill_percent(template: str, right: Value) -> str:
    """``template % right`` with holes for what is not known."""
    values = [value.text for value in (constant_items(right) or [])] or [right.text]
    if isinstance(right.const, str):
        values = [right.const]
    pieces = template.replace("%r", "%s").replace("%d", "%s").split("%s")
    filled = pieces[0]
    for number, piece in enumerate(pieces[1:]):
        filled += (values[number] if number < len(values) else HOLE) + piece
    return filled
