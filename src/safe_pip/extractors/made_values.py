"""Made values: what holds known parts once a known function made it.

Records, namespaces, documents, environment variables: none of them acts, all of them can carry
a command from where it is written to where it is run.
"""

from __future__ import annotations

import ast
import configparser
import json
from dataclasses import replace

from safe_pip.extractors.arguments import Arguments, fill_format
from safe_pip.extractors.capabilities import Action, canonical
from safe_pip.extractors.commands import read_command
from safe_pip.extractors.containers import concatenated, constant_items, element_of, sequence
from safe_pip.extractors.folding import FUNCTIONS
from safe_pip.extractors.library_calls import LibraryCalls
from safe_pip.extractors.lookups import RECORD
from safe_pip.extractors.pickled_files import called_function
from safe_pip.extractors.values import (
    DECODED,
    FILE,
    HOLE,
    SECRET,
    SECRET_PATH,
    UNKNOWN,
    Constant,
    Function,
    Scope,
    Value,
    is_same,
    join,
)

_TEMPLATE = "string.Template()"
_MAX_DOCUMENT_CHARS = 1 << 20
_MAX_DOCUMENT_DEPTH = 40
_MAX_REDUCED_ITEMS = 256
_MAX_ATTRIBUTES = 500
_RUNNERS = (
    "bdb.Bdb.run", "bdb.Bdb.runctx", "bdb.Bdb.runeval", "cProfile.Profile.run",
    "cProfile.Profile.runctx", "cProfile.run", "cProfile.runctx", "pdb.Pdb.run", "pdb.Pdb.runctx",
    "pdb.Pdb.runeval", "pdb.run", "pdb.runeval", "profile.Profile.run", "profile.Profile.runctx",
    "profile.run", "profile.runctx",
    "timeit.Timer", "timeit.repeat", "timeit.timeit", "trace.Trace.run", "trace.Trace.runctx",
)  # fmt: skip
_SETTINGS = ("configparser.ConfigParser()", "configparser.RawConfigParser()")
_SETTINGS_READERS = tuple(
    f"{parser[:-2]}.{method}" for parser in _SETTINGS for method in ("read", "read_string")
)
_CODE_TAKERS = (
    "code.InteractiveConsole.push", "code.InteractiveConsole.runsource",
    "code.InteractiveInterpreter.runcode", "code.InteractiveInterpreter.runsource",
    "types.FunctionType", "types.LambdaType",
)  # fmt: skip


_RESOURCES = (
    "importlib.resources.open_binary", "importlib.resources.open_text",
    "importlib.resources.read_binary", "importlib.resources.read_text",
    "pkg_resources.resource_stream", "pkg_resources.resource_string", "pkgutil.get_data",
)  # fmt: skip


class MadeValues(LibraryCalls):
    """Evaluates calls that make values from known parts, or run text that they are given."""

    def __init__(self) -> None:
        super().__init__()
        self._special |= {
            "builtins.next": lambda _name, arguments, *_: element_of(arguments.get(0)),
            "builtins.setattr": self._set_attribute,
            **dict.fromkeys(_SETTINGS_READERS, self._read_settings),
            "builtins.super": self._super,
            "builtins.type": self._type,
            "collections.namedtuple": self._record,
            "functools.reduce": self._reduce,
            "importlib.resources.files": lambda *_: Value(
                const=HOLE, is_partial=True, ref="pathlib.Path()"
            ),
            **dict.fromkeys(_RESOURCES, self._resource),
            "itertools.chain": self._chain,
            "itertools.chain.from_iterable": self._chain,
            "os.environ.setdefault": self._set_variable,
            "os.putenv": self._set_variable,
            "pickle.loads": self._unpickle,
            "runpy.run_module": self._run_module,
            "runpy._run_module_as_main": self._run_module,
            "string.Template": self._template,
            "subprocess.Popen.communicate": self._feed,
            "subprocess.Popen.stdin.write": self._feed,
            "types.SimpleNamespace": lambda _name, arguments, *_: Value(
                parts=dict(arguments.keywords), origins=arguments.origins
            ),
            "typing.NamedTuple": self._record,
            **dict.fromkeys(_RUNNERS, self._run_statements_of),
            **dict.fromkeys(_CODE_TAKERS, self._run_code),
        }

    def set_attribute(self, function: Function, name: str, value: Value) -> None:
        """An attribute of a class, an instance or a function of the distribution."""
        attributes = function.attributes
        if len(attributes) < _MAX_ATTRIBUTES:
            before = attributes.get(name)
            attributes[name] = after = join(before, value)
            self.changes += not is_same(before, after)

    def _set_attribute(
        self, name: str, arguments: Arguments, node: ast.Call, scope: Scope
    ) -> Value:
        owner, attribute = arguments.get(0), arguments.get(1).known
        if isinstance(attribute, str) and attribute.isidentifier() and node.args:
            if owner.function is not None:
                self.set_attribute(owner.function, attribute, arguments.get(2))
            elif isinstance(node.args[0], ast.Name):
                target = ast.Attribute(value=node.args[0], attr=attribute, ctx=ast.Store())
                self.assign(ast.copy_location(target, node), arguments.get(2), scope)
        return self.call_by_name(name, Value(ref=name), arguments, node)

    def _super(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        own = arguments.get(1)
        if own is UNKNOWN:
            own = scope.find("self") or scope.find("cls") or UNKNOWN
        function = own.function
        for base in function.bases if function is not None else ():
            if function is not None and base.function is not None:
                attributes = function.attributes
                return Value(function=replace(base.function, receiver=None, attributes=attributes))
        return self.call_by_name(name, Value(ref=name), arguments, node)

    def _type(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del scope
        members = arguments.get(2).parts
        if members:
            return Value(parts=members)
        return self.call_by_name(name, Value(ref=name), arguments, node)

    def _record(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del name, node, scope
        parts: dict[Constant, Value] = dict(enumerate(arguments.positional))
        parts.update(arguments.keywords)
        return Value(ref=RECORD, parts=parts, origins=arguments.origins)

    def _reduce(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del name
        function, items = arguments.get(0).function, constant_items(arguments.get(1))
        if not items or len(items) > _MAX_REDUCED_ITEMS:
            items = [element_of(arguments.get(1))]
        result, *rest = [arguments.get(2), *items] if len(arguments.positional) > 2 else items
        for item in rest or [UNKNOWN]:
            both = Arguments(positional=(result, item))
            if function is not None:
                result = self.invoke(function, both)
            else:
                result = self._combined(canonical(arguments.get(0).ref), both, node, scope)
        return result

    def _combined(self, name: str, both: Arguments, node: ast.Call, scope: Scope) -> Value:
        if name == "builtins.getattr":
            return self._getattr(name, both, node, scope)
        folded = self._fold(name, both, node) if name in FUNCTIONS else None
        return folded or Value(origins=both.origins)

    def _chain(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del node, scope
        whole = sequence([])
        sources = arguments.positional
        if name.endswith("from_iterable"):
            sources = tuple(constant_items(arguments.get(0)) or ())
        for source in sources:
            if constant_items(source) is None:
                return Value(origins=arguments.origins)
            whole = concatenated(whole, sequence(constant_items(source) or []))
        return whole

    def _document(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del scope
        text = arguments.get(0)
        if isinstance(text.known, (str, bytes)) and len(text.known) <= _MAX_DOCUMENT_CHARS:
            try:
                return value_of(json.loads(text.known), text)
            except (ValueError, RecursionError):
                return UNKNOWN
        return self.call_by_name(name, Value(ref=name), arguments, node)

    def _document_of_file(
        self, name: str, arguments: Arguments, node: ast.Call, scope: Scope
    ) -> Value:
        path = (arguments.get(0).parts or {}).get("path", UNKNOWN)
        text = self.read_member(path.text) if path.const is not None else None
        if text is not None:
            held = Arguments(positional=(Value(const=text, origins=arguments.origins | FILE),))
            return self._document(name, held, node, scope)
        return self.call_by_name(name, Value(ref=name), arguments, node)

    def _resource(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        """A data file of a package, which its name finds wherever the package lies."""
        del node, scope
        path = Value(const=f"{HOLE}/{arguments.get(1).text}", is_partial=True)
        content = self._content(path, arguments.origins)
        if name.endswith(("stream", "open_text", "open_binary")):
            return Value(ref="builtins.open()", origins=content.origins, parts=content.parts)
        return content

    def _read_settings(
        self, name: str, arguments: Arguments, node: ast.Call, scope: Scope
    ) -> Value:
        """A parser of settings that reads a file of the distribution holds what stands there."""
        given = arguments.get(0)
        text = given.known if name.endswith("string") else self.read_member(given.text)
        target = node.func.value if isinstance(node.func, ast.Attribute) else None
        result = self.call_by_name(name, Value(ref=name), arguments, node)
        if arguments.origins & (SECRET | SECRET_PATH):
            # A file of that name in the distribution makes what is read no less a secret.
            return result
        if isinstance(text, str) and isinstance(target, (ast.Name, ast.Attribute)):
            parts = _settings_of(text)
            self.assign(target, Value(ref=_SETTINGS[0], parts=parts, origins=FILE), scope)
        return result

    def _set_variable(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del name, node, scope
        if isinstance(arguments.get(0).known, str):
            self.set_variable(arguments.get(0).text, arguments.get(1))
        return arguments.get(1)

    def _unpickle(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del scope
        data = arguments.get(0).known
        if isinstance(data, bytes) and called_function(data):
            self.emit(Action.EXECUTE, name, node, data=arguments.origins | DECODED)
        return self.call_by_name(name, Value(ref=name), arguments, node)

    def _run_module(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del scope
        module = arguments.get(0, "mod_name")
        if isinstance(module.known, str):
            self.import_module(module.known)
        path = module.text.replace(".", "/")
        if path and path != HOLE:
            for member in (f"{path}.py", f"{path}/__main__.py"):
                self.run_member(member, Scope(module=""))
        return self.call_by_name(name, Value(ref=name), arguments, node)

    def _template(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        del name, node, scope
        return Value(ref=_TEMPLATE, parts={"template": arguments.get(0, "template")})

    def made_method(self, receiver: Value, method: str, arguments: Arguments) -> Value | None:
        """A method of what was made here; None if it is none."""
        if receiver.ref in _SETTINGS and receiver.parts and method == "get":
            section = receiver.parts.get(arguments.get(0).text, UNKNOWN)
            return (section.parts or {}).get(arguments.get(1).text)
        if receiver.ref == _TEMPLATE and receiver.parts and method.endswith("substitute"):
            template = receiver.parts.get("template", UNKNOWN)
            braces = template.text.replace("${", "$").replace("{", "").replace("}", "")
            names = {**dict(arguments.keywords)}
            for key, value in (arguments.get(0).parts or {}).items():
                names[str(key)] = value
            for name in names:
                braces = braces.replace(f"${name}", f"{{{name}}}")
            filled = fill_format(braces, Arguments(keywords=names))
            return Value(const=filled, is_partial=True, origins=template.origins)
        return None

    def _feed(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        """What a program is given to read: to a shell, a command line."""
        text = arguments.get(0, "input")
        if isinstance(text.known, (str, bytes)) and read_command(text.text).facts:
            self._spawn(name, Arguments(positional=(text,)), node, frozenset())
        del scope
        return Value(ref=f"{name}()")

    def _run_statements_of(
        self, name: str, arguments: Arguments, node: ast.Call, scope: Scope
    ) -> Value:
        """Something that measures, traces or debugs code that it is given as text."""
        for value in reversed(arguments.all[:4]):  # What sets up stands last.
            if isinstance(value.known, str):
                self.run_text(value, node, scope)
        return self.call_by_name(name, Value(ref=name), arguments, node)

    def _run_code(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        if isinstance(arguments.get(0).known, (str, bytes)):
            return self._execute(name, arguments, node, scope)
        return self.call_by_name(name, Value(ref=name), arguments, node)


def _settings_of(text: str) -> dict[Constant, Value]:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text[:_MAX_DOCUMENT_CHARS])
    except (configparser.Error, ValueError):
        return {}
    return {
        section: Value(
            parts={key: Value(const=word, origins=FILE) for key, word in parser.items(section)}
        )
        for section in parser.sections()
    }


def value_of(document: object, text: Value, depth: int = 0) -> Value:
    if depth > _MAX_DOCUMENT_DEPTH:
        return UNKNOWN
    match document:
        case str() | int() | float():
            return Value(const=document, origins=text.origins)
        case list():
            return sequence([value_of(item, text, depth + 1) for item in document])
        case dict():
            parts: dict[Constant, Value] = {
                key: value_of(value, text, depth + 1) for key, value in document.items()
            }
            return Value(parts=parts, origins=text.origins)
    return UNKNOWN
