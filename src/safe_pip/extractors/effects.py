"""Effects: what a call of a sink does to the world, as events."""

from __future__ import annotations

import ast
import itertools
import re
from abc import abstractmethod

from safe_pip.extractors.addresses import (
    address_origins,
    carries_login,
    sending_marks,
    written_address,
)
from safe_pip.extractors.arguments import (
    Arguments,
    command_text,
    names_in,
    written_name,
)
from safe_pip.extractors.capabilities import SINKS, Action, Sink
from safe_pip.extractors.commands import CommandFact, read_command
from safe_pip.extractors.containers import constant_items, element_of
from safe_pip.extractors.events import Mark
from safe_pip.extractors.expressions import Expressions
from safe_pip.extractors.patterns import is_secret_path
from safe_pip.extractors.values import (
    DECODED,
    ENVIRONMENT,
    FILE,
    HOLE,
    HOST,
    NO_ORIGINS,
    SECRET,
    SOCKET,
    UNKNOWN,
    Function,
    Origins,
    Scope,
    Value,
    join_origins,
)

_MAX_REF_CHARS = 200
_FUNCTION_MAKERS = frozenset(("types.FunctionType", "types.LambdaType", "new.function"))
_TELLING_PROGRAMS = frozenset(
    """arp hostname hostnamectl id ifconfig ip ipconfig lsb_release netstat ps systeminfo sw_vers
    tasklist uname users w who whoami wmic""".split()  # noqa: SIM905
)
_SCRIPT_SUFFIXES = (".sh", ".bash", ".bat", ".cmd", ".ps1", ".vbs", ".js", ".exe", ".scr")
_MAX_COMMAND_WORDS = 40
_INTERPRETERS = ("bash", "cmd", "node", "perl", "powershell", "python", "ruby", "sh", "zsh")
# Cloud metadata services, asked for keys or a token.
_GIVES_KEYS = re.compile(
    r"(?:169\.254\.(?:169\.254|170\.2)|metadata\.google\.internal)\S*(?:credential|token|iam)"
)
_DETACHING_KEYWORDS = frozenset(("creationflags", "preexec_fn", "start_new_session"))


class Effects(Expressions):
    """Emits events; running functions and nested code is left to the subclass."""

    @abstractmethod
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
    ) -> None: ...

    @abstractmethod
    def invoke(self, function: Function, arguments: Arguments) -> Value: ...

    @abstractmethod
    def hand_over(self, given: Value, arguments: Arguments, node: ast.Call) -> None:
        """A function is given to another, which calls it with these arguments."""

    @abstractmethod
    def run_text(self, code: Value, node: ast.expr, scope: Scope) -> tuple[Value, bool]:
        """Runs a constant as code in the scope; gives the value of an expression, and whether
        the code does anything of note or cannot be read."""

    @abstractmethod
    def run_member(self, path: str, scope: Scope) -> bool | None:
        """Runs a file of the distribution as code. True if it does anything of note, False if
        not, None if there is no such file."""

    @abstractmethod
    def read_member(self, path: str) -> str | None:
        """The text of a file of the distribution, found by a path with holes."""

    def _emit_sinks(self, name: str, callee: Value, arguments: Arguments, node: ast.Call) -> None:
        for sink in SINKS[name]:
            self._emit_sink(sink, name, callee, arguments, node)

    def _emit_sink(
        self, sink: Sink, name: str, callee: Value, arguments: Arguments, node: ast.Call
    ) -> None:
        marks = self._name_marks(name, node)
        text = arguments.positional[0].text if arguments.positional else ""
        match sink.action:
            case Action.SPAWN:
                self._spawn(name, arguments, node, marks)
                return
            case Action.DELETE:
                self._delete(arguments.get(0), name, node)
                return
            case Action.THREAD:
                self._call_back(arguments, node)
                if arguments.keywords.get("daemon", UNKNOWN).known == 1:
                    marks = marks | {Mark.DAEMON}
            case Action.DELAY:
                seconds = arguments.get(0).known
                if not isinstance(seconds, (int, float)) or seconds < 20:
                    return
            case Action.READ:
                return
            case Action.EXECUTE if name in _FUNCTION_MAKERS and not arguments.origins:
                return
            case Action.LOAD:
                text, marks = self._load(callee, arguments, marks)
            case Action.LOGIN if not carries_login(name, arguments):
                return
            case Action.NETWORK:
                marks = marks | sending_marks(name, arguments)
                made_for = (callee.parts or {}).get("url", UNKNOWN).text
                text = made_for if "://" in made_for else text
                text = written_address(arguments) or text
            case Action.WRITE if name.startswith(("os.", "shutil.")):
                text = arguments.get(1).text
        if text == HOLE:
            text = ""
        self.emit(
            sink.action,
            name,
            node,
            data=arguments.origins,
            address=_address_of(sink.action, name, arguments),
            text=text,
            names=names_in(node),
            marks=marks,
        )

    def _load(
        self, callee: Value, arguments: Arguments, marks: frozenset[Mark]
    ) -> tuple[str, frozenset[Mark]]:
        """Code loaded from a path: what the path is, and whether what it holds was read."""
        path = (callee.parts or {}).get("path", arguments.get(1 if "imp." in callee.ref else 0))
        return path.text, marks | self._member_marks(path.text, Scope(module=""))

    def _member_marks(self, path: str, scope: Scope) -> frozenset[Mark]:
        """Runs the file of the distribution that a path means, if there is one."""
        does_anything = self.run_member(path, scope)
        if does_anything is None:
            return frozenset()
        return frozenset((Mark.LITERAL if does_anything else Mark.HARMLESS,))

    def _spawn(
        self, name: str, arguments: Arguments, node: ast.Call, marks: frozenset[Mark]
    ) -> None:
        text = command_text(arguments)
        command = read_command(text)
        facts = command.facts | self._run_named_members(text)
        fed = arguments.keywords.get("input", UNKNOWN)
        if isinstance(fed.known, (str, bytes)):
            facts |= read_command(fed.text).facts
        if (
            _DETACHING_KEYWORDS & arguments.keywords.keys()
            or CommandFact.HIDDEN in command.facts
            or name.endswith("startfile")
            or (
                arguments.keywords.get("stdout", UNKNOWN).ref == "subprocess.DEVNULL"
                and name == "subprocess.Popen"
            )
        ):
            marks = marks | {Mark.DETACHED}
        self.emit(
            Action.SPAWN,
            name,
            node,
            data=join_origins(*arguments.positional, arguments.keywords.get("args", UNKNOWN))
            | (arguments.origins & SOCKET)
            | _fed_origins(text, arguments)
            | (HOST if CommandFact.TELLS_HOST in facts else NO_ORIGINS),
            text=text if text != HOLE else "",
            names=names_in(node),
            marks=marks,
            facts=facts,
        )
        for code in command.python_code:
            self.run_text(Value(const=code), node, Scope(module=""))
        first, rest = arguments.positional[:1], arguments.positional[1:]
        for other in first[0].others if first else ():
            if isinstance(other.const, (str, bytes)):
                given = Arguments(positional=(other, *rest), keywords=arguments.keywords)
                self._spawn(name, given, node, marks)

    def _run_named_members(self, command: str) -> frozenset[CommandFact]:
        """Runs the scripts of the distribution that a command line names."""
        facts: set[CommandFact] = set()
        words = [word.strip("\"'&;") for word in command.split()[:_MAX_COMMAND_WORDS]]
        for before, module in itertools.pairwise(words):
            path = module.replace(".", "/")
            if before == "-m" and any(
                self.run_member(name, Scope(module="")) is not None
                for name in (f"{path}.py", f"{path}/__main__.py")
            ):
                facts.add(CommandFact.RUNS_OWN_FILE)
        for name in words:
            if name.endswith((".py", ".pyw")):
                if self.run_member(name, Scope(module="")) is not None:
                    facts.add(CommandFact.RUNS_OWN_FILE)
            elif name.endswith(_SCRIPT_SUFFIXES):
                script = self.read_member(name)
                if script is not None:
                    facts |= read_command(script).facts | {CommandFact.RUNS_OWN_FILE}
        return frozenset(facts)

    def _delete(self, path: Value, name: str, node: ast.Call) -> None:
        if path.ref == "__file__" or path.text.startswith("sys.argv") or path.ref == "sys.argv":
            self.emit(Action.DELETE, name, node, text="__file__")

    def _sink_result(self, name: str, callee: Value, arguments: Arguments) -> Value:
        origins = NO_ORIGINS.union(*(sink.origins for sink in SINKS[name]))
        if any(sink.action is Action.DECODE for sink in SINKS[name]):
            origins = origins | arguments.origins | callee.origins
            return Value(origins=origins)
        if name in ("urllib.request.urlretrieve", "wget.download"):
            return UNKNOWN
        if "network" in origins and any(_GIVES_KEYS.search(v.text) for v in arguments.all):
            origins = origins | SECRET
        if any(sink.action is Action.READ for sink in SINKS[name]):
            return self._content(arguments.get(0), NO_ORIGINS)
        if any(sink.action is Action.SPAWN for sink in SINKS[name]):
            origins = output_origins(command_text(arguments))
        elif name.startswith(("socket.gethostby", "socket.getaddrinfo")):
            origins = arguments.origins & HOST
        ref = result_ref(callee)
        return Value(ref=ref, origins=origins)

    def _name_marks(self, name: str, node: ast.Call) -> frozenset[Mark]:
        """Whether the function is called by its own name."""
        if isinstance(node.func, (ast.Call, ast.Subscript, ast.Lambda)):
            return frozenset((Mark.ASSEMBLED,))
        written = written_name(node)
        return frozenset() if name.endswith(written) or not written else frozenset((Mark.ALIASED,))

    def _fetch(self, name: str, arguments: Arguments, node: ast.Call, address: str = "") -> Value:
        """Talks to the address in the arguments, or to the one that the receiver was made for."""
        self.emit(
            Action.NETWORK,
            name,
            node,
            data=arguments.origins,
            address=address_origins(name, arguments),
            text=written_address(arguments) or address,
            names=names_in(node),
            marks=sending_marks(name, arguments),
        )
        return Value(origins=frozenset(("network",)))

    def _decode(self, name: str, callee: Value, arguments: Arguments, node: ast.Call) -> Value:
        """A decoder known by its method's name alone, whatever library it is of."""
        self.emit(Action.DECODE, name, node, data=arguments.origins)
        return Value(origins=DECODED | callee.origins | arguments.origins)

    def _call_back(self, arguments: Arguments, node: ast.Call) -> None:
        """Calls what is given to be called, with what stands beside it."""
        items = constant_items(arguments.keywords.get("args", UNKNOWN))
        for position, value in enumerate(arguments.positional):
            rest = [item for item in arguments.positional[position + 1 :] if item is not UNKNOWN]
            self.hand_over(value, Arguments(positional=tuple(rest or items or ())), node)
        if items is None:
            items = [element_of(arguments.get(0))] if arguments.positional else []
        for value in arguments.keywords.values():
            self.hand_over(value, Arguments(positional=tuple(items)), node)

    def _content(self, path: Value, origins: Origins) -> Value:
        found = FILE | (origins - {"secret-path"})
        if "secret-path" in path.origins or "secret-path" in origins:
            found = found | SECRET
        return Value(origins=found, parts={"path": path})


def _address_of(action: Action, name: str, arguments: Arguments) -> Origins:
    if action in (Action.NETWORK, Action.CONNECT):
        return address_origins(name, arguments)
    return NO_ORIGINS


def result_ref(callee: Value) -> str:
    """How a result is named after what made it."""
    return f"{callee.ref}()" if len(callee.ref) < _MAX_REF_CHARS else ""


def output_origins(command: str) -> Origins:
    """What the output of a command tells."""
    words = command.split()
    program = words[0].rpartition("/")[2] if words else ""
    if program in ("env", "printenv", "set", "export"):
        return ENVIRONMENT
    if is_secret_path(command[:400]):
        return SECRET
    return HOST if program in _TELLING_PROGRAMS else NO_ORIGINS


def _fed_origins(command: str, arguments: Arguments) -> Origins:
    """Where a program comes from that an interpreter is fed through its standard input."""
    program = (command.split() or [""])[0].rpartition("/")[2]
    fed = arguments.keywords.get("input")
    return fed.origins if fed is not None and program.startswith(_INTERPRETERS) else NO_ORIGINS
