"""Look-ups: what a name, an attribute or an index refers to."""

from __future__ import annotations

import ast
import builtins
import functools
import re
import string
from abc import ABC, abstractmethod

from safe_pip.extractors.capabilities import (
    DYNAMIC_BUILTINS,
    SINK_MODULES,
    SINKS,
    canonical,
)
from safe_pip.extractors.conditions import is_own_name
from safe_pip.extractors.containers import element_of
from safe_pip.extractors.folding import fold_subscript
from safe_pip.extractors.values import (
    ENVIRONMENT,
    HANDED,
    HOLE,
    HOST,
    LOGIN,
    NETWORK,
    NO_ORIGINS,
    UNKNOWN,
    Function,
    Origins,
    Scope,
    Value,
    join,
    named,
    of_origins,
)

_BUILTIN_NAMES = frozenset(
    (*dir(builtins), "execfile", "unicode", "unichr", "raw_input", "reload", "copyright")
)
_BUILTINS = {name: Value(ref=f"builtins.{name}") for name in _BUILTIN_NAMES}
_BUILTIN_TYPES = frozenset(
    name for name, thing in vars(builtins).items() if isinstance(thing, type)
)
_HOST_VARIABLES = frozenset(
    ("COMPUTERNAME", "HOSTNAME", "LOGNAME", "USER", "USERDOMAIN", "USERNAME", "USERPROFILE")
)
# Not its __doc__ and __file__, which differ from one Python and machine to the next.
_KNOWN_ATTRIBUTES = {
    f"string.{name}": Value(const=text)
    for name, text in vars(string).items()
    if isinstance(text, str) and not name.startswith("_")
} | {
    "typing.TYPE_CHECKING": Value(const=0),
    "sys.executable": Value(const="python", is_partial=True, ref="sys.executable"),
    "os.environ": Value(ref="os.environ", origins=ENVIRONMENT),
    "os.environb": Value(ref="os.environb", origins=ENVIRONMENT),
}
_KEY_NAME = re.compile(
    r"priv(?:ate)?key|secret(?:access)?key|accesskeysecret|mnemonic|(?:seed|recovery)phrase"
    r"|seedwords|walletkey|keypair"
)
_LOGIN_NAME = re.compile(
    r"(?:^|access|account|api|auth|bearer|bot|client|id|jwt|oauth|personal|refresh|security|session"
    r"|user)token$|passw(?:or)?d$|^pwd$|apikey|secret$|accesskeyid|accesskey$|^credentials?$"
    r"|passphrase|^sessionstring$|^privkey$"
)
_WORD = re.compile(r"\w+")
_MAX_QUESTION_CHARS = 200
_MAX_REF_CHARS = 200
RECORD = "collections.namedtuple()"
"""What a named tuple, and the class of one, is made by."""

# What many modules import for themselves, and so hand to whoever asks them.
_WITHIN = {
    name: named(name.lstrip("_"))
    for module in ("builtins", "importlib", "os", "subprocess", "sys")
    for name in (module, f"_{module}")
}
_OF_FRAMES = {
    "f_builtins": named("builtins"),
    "f_globals": named("builtins.globals()"),
    "f_locals": named("builtins.locals()"),
}
_MAX_REMEMBERED_CHARS = 100
_MAX_VARIABLES = 64
NAMESPACES = frozenset(("builtins.globals", "builtins.locals", "builtins.vars"))


def module_within(module: str, name: str) -> Value | None:
    """``os`` by ``shutil.os`` or ``random._os``; None of what is no module in another."""
    value = _WITHIN.get(name)
    return None if value is None or "(" in module or module == "asyncio" else value


class Lookups(ABC):
    """Resolves names, attributes and items, through aliases and the distribution's classes."""

    def __init__(self) -> None:
        self.path = ""
        self._variables: dict[str, Value] = {}
        # How often a name of a module or a class, an attribute or a variable, was set.
        self.changes = 0

    def set_variable(self, name: str, value: Value) -> None:
        """An environment variable that the distribution itself sets."""
        if value.const is not None and len(self._variables) < _MAX_VARIABLES:
            self._variables[name] = value
            self.changes += 1

    def own_variable(self, name: str) -> Value:
        """What the distribution set an environment variable to."""
        return self._variables.get(name, UNKNOWN)

    def variable(self, name: str) -> Value:
        """One environment variable: what the distribution set it to, and a hole with its name,
        since it may do so where it never comes to, to have what it reads look like its own."""
        value, own = variable_value(name), self._variables.get(name)
        if own is None:
            return value
        text = f"{own.text} {value.text}"
        return Value(const=text, is_partial=True, origins=own.origins | value.origins)

    @abstractmethod
    def own_name(self, module: str, name: str) -> Value | None:
        """A name of a module of the distribution that was not run as a whole."""

    @abstractmethod
    def is_of_library(self, ref: str) -> bool:
        """Whether a name is the standard library's and acts or leads to what does: a file of the
        distribution that is called ``os.py`` is nobody's ``os``."""

    @abstractmethod
    def import_module(self, name: str) -> Value: ...

    @abstractmethod
    def defaults_of(self, function: Function) -> Value:
        """The defaults of a function's parameters."""

    @abstractmethod
    def own(self, value: Value) -> Value: ...

    @abstractmethod
    def see_hidden_lookup(self, node: ast.expr, detail: str) -> None: ...

    def look_up(self, name: str, scope: Scope) -> Value:
        """What a bare name means in a scope, builtins included."""
        found = scope.find(name)
        return self.look_up_outside(name, scope) if found is None else found

    def look_up_outside(self, name: str, scope: Scope) -> Value:
        """What a bare name means that the scope does not hold."""
        for module in scope.globals.star_imports:
            full_name = f"{module}.{name}"
            if canonical(full_name) in SINKS or canonical(full_name) in SINK_MODULES:
                return Value(ref=full_name)
            own = self.own_name(module, name)
            if own is not None:
                return own
        match name:
            case "__builtins__":
                return Value(ref="builtins")
            case "__loader__" | "__spec__":
                return Value(ref="__loader__" if name == "__loader__" else "__spec__")
            case "__file__":
                file_name = self.path.rpartition("/")[2]
                return Value(const=f"{HOLE}/{file_name}", is_partial=True, ref="__file__")
        return _BUILTINS.get(name, UNKNOWN)

    def attribute(self, base: Value, name: str, node: ast.expr) -> Value:
        """``base.name``"""
        if name in _OF_FRAMES:
            return _OF_FRAMES[name]
        if base is UNKNOWN and not name.startswith("__"):
            return handed_value(name)
        if base.function is not None:
            found = self._member(base.function, name)
            if found is not None:
                return found
        is_part = base.parts is not None and name in base.parts
        if is_part and not (base.ref and self.is_of_library(f"{base.ref}.{name}")):
            return base.parts[name]  # type: ignore[index]
        if name in ("value", "_value_") and base.const is not None and not base.ref:
            return base  # of a member of an enumeration
        if base.ref == RECORD and base.parts and not name.startswith("_"):
            # Which of them has that name is not kept: the longest text tells most.
            texts = [part for part in base.parts.values() if isinstance(part.const, str)]
            return max(texts, key=lambda part: len(part.text)) if texts else element_of(base)
        if name.startswith("__"):
            found = self._special_attribute(base, name, node)
            if found is not None:
                return found
        if not base.ref or len(base.ref) > _MAX_REF_CHARS:
            return of_origins(base.origins | handed_origins(name))
        ref = f"{base.ref}.{name}"
        within = module_within(base.ref, name) if base.parts is None else None
        if within is not None:
            return within
        known = _KNOWN_ATTRIBUTES.get(ref)
        if known is not None:
            return known
        if ref.startswith("flask.request."):
            return Value(ref=ref, origins=NETWORK)
        if base.ref == "__file__" or base.ref.startswith("pathlib.Path()"):
            return Value(const=HOLE, is_partial=True, ref="pathlib.Path()", origins=base.origins)
        origins = base.origins
        if "()" in base.ref:
            origins = origins | handed_origins(name)
        if base.parts is None and not origins:
            return named(ref)
        keeps = base.parts is not None and ("path" in base.parts or "url" in base.parts)
        return Value(ref=ref, origins=origins, parts=base.parts if keeps else None)

    def _special_attribute(self, base: Value, name: str, node: ast.expr) -> Value | None:
        """An attribute through which everything else can be reached."""
        if name == "__globals__":
            return Value(ref="builtins.globals()")
        if name == "__builtins__":
            self.see_hidden_lookup(node, f"reaches builtins through {name}")
            return Value(ref="builtins")
        if name == "__subclasses__" and _climbs_to_object(node):
            self.see_hidden_lookup(node, "reaches every class through object")
        if name == "__defaults__" and base.function is not None:
            return self.defaults_of(base.function)
        if name == "__doc__" and base.function is not None:
            node_of = base.function.node
            docstring = (
                None if isinstance(node_of, ast.Lambda) else ast.get_docstring(node_of, False)
            )
            return None if docstring is None else Value(const=docstring)
        if name in ("__dict__", "__getattribute__", "__call__") and base.ref:
            return Value(ref=f"{base.ref}.{name}") if name == "__getattribute__" else base
        return None

    def _member(
        self, function: Function, name: str, searched: set[Function] | None = None
    ) -> Value | None:
        """``searched`` are bases that lack it: on a ladder of classes each would be asked anew by
        every class above."""
        found = function.attributes.get(name)
        if found is None and function.members is not None:
            found = function.members.names.get(name)
        if found is not None:
            inner = found.function
            if inner is not None and not inner.is_class and function.is_class:
                return bound(found, function)
            return found
        for base in map(self.own, function.bases):
            if base.function is not None and base.function is not function:
                searched = set() if searched is None else searched
                if base.function in searched:
                    continue
                searched.add(base.function)
                inherited = self._member(base.function, name, searched)
                if inherited is not None and inherited.function is not None:
                    return bound(inherited, function)
                if inherited is not None:
                    return inherited
            elif base.ref:
                return named(f"{base.ref}.{name}")
        return None

    def item(self, base: Value, index: Value, scope: Scope, node: ast.expr) -> Value:
        """``base[index]``"""
        key = index.known
        if base.parts is not None and key is not None and key in base.parts:
            return base.parts[key]
        if base.known is not None and isinstance(key, int):
            folded = fold_subscript(base.known, key)
            if folded is not None:
                return Value(const=folded, origins=base.origins)
        if base.parts and isinstance(key, int) and -len(base.parts) <= key < 0:
            found = base.parts.get(len(base.parts) + key)
            if found is not None:
                return found
        if base.ref in ("os.environ", "os.environb"):
            return self.variable(index.text) if key is not None else UNKNOWN
        if base.ref and canonical(base.ref) in NAMESPACES:
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
            return self.import_module(key)
        if (
            base.ref == "sys.modules"
            and isinstance(node, ast.Subscript)
            and is_own_name(node.slice)
        ):
            return Value(parts=scope.globals.names)  # type: ignore[arg-type]
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
        origins = base.origins
        if isinstance(key, str) and not ref:
            origins = origins | handed_origins(key)
        return Value(ref=ref, origins=origins) if origins or ref else UNKNOWN


def handed_origins(name: str) -> Origins:
    """Of a parameter or attribute, by its name: whether it holds a private key or its like,
    or a token or a password."""
    return _short_name_origins(name) if len(name) <= _MAX_REMEMBERED_CHARS else _of_name(name)


def asked_origins(question: str) -> Origins:
    """Of what a user answers to a question, by its words."""
    words = _WORD.findall(question[:_MAX_QUESTION_CHARS])
    return handed_origins("".join(words)) or next(
        filter(None, map(handed_origins, words)), NO_ORIGINS
    )


def handed_value(name: str) -> Value:
    """A parameter or attribute of which only its name is known."""
    return (
        _short_name_value(name)
        if len(name) <= _MAX_REMEMBERED_CHARS
        else of_origins(_of_name(name))
    )


@functools.lru_cache(maxsize=4_096)
def _short_name_value(name: str) -> Value:
    return of_origins(_of_name(name))


@functools.lru_cache(maxsize=4_096)
def _short_name_origins(name: str) -> Origins:
    return _of_name(name)


def _of_name(name: str) -> Origins:
    word = name.lower().replace("_", "").replace("-", "")
    if _KEY_NAME.search(word):
        return HANDED
    return LOGIN if _LOGIN_NAME.search(word) else NO_ORIGINS


def variable_value(name: str) -> Value:
    """One environment variable, by name: a hole that keeps its name."""
    origins: Origins = HOST if name in _HOST_VARIABLES else NO_ORIGINS
    return Value(const=f"%{name}%", is_partial=True, origins=origins)


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
    return bool(decorators) and any(
        isinstance(d, ast.Name) and d.id == "staticmethod" for d in decorators
    )


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
    if ref == "builtins.copyright":
        return "Copyright (c) 2001"
    if module != "builtins" or name not in _BUILTIN_NAMES:
        return ""
    return f"<class '{name}'>" if name in _BUILTIN_TYPES else f"<built-in function {name}>"
