"""Chains: effects that make an attack only together, and in order.

A chain is certain (strength 1) when the content of the first step reaches the last, and likely
(less) when the steps merely follow each other in one scope or call path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from safe_pip.extractors.capabilities import Action
from safe_pip.extractors.commands import CommandFact
from safe_pip.extractors.events import Event, Mark, Stream
from safe_pip.extractors.values import HOLE, Origin

CERTAIN = 1.0
LIKELY = 0.5
_CROSS_FILE_FACTOR = 0.5

CHAINS: Mapping[str, str] = {
    "chain_capture_net": "records keys or screen and sends them away",
    "chain_clipboard": "reads the clipboard and replaces what is on it",
    "chain_decode_exec": "decodes data and executes it as code",
    "chain_decode_spawn": "decodes a command or program and starts it",
    "chain_env_net": "sends the whole environment away",
    "chain_file_exec": "executes the content of a data file",
    "chain_handed_key_net": "sends on a key that is handed to it or to what it replaces",
    "chain_host_net": "sends away who and where this machine is",
    "chain_net_exec": "fetches code from the network and executes it",
    "chain_net_write": "writes to disk what it fetches from the network",
    "chain_net_write_exec": "downloads a file and runs it",
    "chain_write_exec": "writes a file and runs it",
    "chain_secret_net": "reads credentials and sends them away",
    "chain_socket_shell": "gives a shell to a remote host",
}
"""By feature: the phrase that completes "this code …"."""

FETCHING_CHAINS = frozenset(("chain_net_exec", "chain_net_write_exec"))
"""Chains that run what an address gives."""

LEAKS = frozenset(
    ("chain_capture_net", "chain_env_net", "chain_handed_key_net", "chain_host_net",
     "chain_secret_net")
)  # fmt: skip
"""Chains that send away what is nobody else's business."""

PAYLOADS = frozenset(
    ("chain_decode_exec", "chain_decode_spawn", "chain_net_exec", "chain_net_write_exec",
     "chain_socket_shell")
)  # fmt: skip
"""Chains that run what nobody can read beforehand."""

COMMON_CHAINS = frozenset(("chain_write_exec",))
"""Chains that build scripts have as well; they count for themselves only."""

_SENT: Mapping[Origin, str] = {
    "secret": "chain_secret_net",
    "secret-path": "chain_secret_net",
    "environment": "chain_env_net",
    "host": "chain_host_net",
    "keys": "chain_capture_net",
}
# An address whose host the caller has no say in.
_FIXED_ADDRESS = re.compile(r"[a-z]{2,5}://[^/{}%]+(?:/|$)")
_COMMON_NAMES = frozenset(
    """args check close content data env environ executable f format get join name open os path
    pathlib read run self shell split str subprocess sys system tempfile text url write wb rb
    {} {tmp} python python3 bash""".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One chain, placed at its last step. ``address`` is what the stream talked to last before
    it, as far as it is known."""

    feature: str
    event: Event
    strength: float
    address: str = ""


def find_chains(stream: Stream) -> Iterator[Chain]:
    """All chains of one stream; the same chain may be found at several places."""
    steps = _Steps()
    for event in stream.events:
        for feature, strength in steps.see(event):
            factor = _CROSS_FILE_FACTOR if Mark.CROSS_FILE in event.marks else 1.0
            yield Chain(
                feature=feature, event=event, strength=strength * factor, address=steps.address
            )


class _Steps:
    """What has happened so far in a stream."""

    def __init__(self) -> None:
        self.address = ""
        self._seen: set[Action] = set()
        self._fetched_names: set[str] = set()
        self._decoded_names: set[str] = set()
        self._fetched_files: set[str] = set()
        self._written_names: set[str] = set()
        self._has_written_fetched = False
        self._has_written_decoded = False
        self._clipboard_in_loop = False
        self._ran_fetched = False

    def see(self, event: Event) -> Iterator[tuple[str, float]]:
        if "://" in event.text or (event.action is Action.CONNECT and event.text):
            self.address = event.text
        match event.action:
            case Action.EXECUTE | Action.UNPICKLE:
                yield from self._execute(event)
            case Action.LOAD:
                yield from self._run_file(event)
            case Action.SPAWN:
                yield from self._spawn(event)
            case Action.NETWORK | Action.CONNECT:
                yield from self._send(event)
            case Action.WRITE:
                yield from self._write(event)
            case Action.DUPLICATE if "socket" in event.data:
                yield "chain_socket_shell", CERTAIN
            case Action.CLIPBOARD_WRITE if Action.CLIPBOARD_READ in self._seen:
                yield "chain_clipboard", CERTAIN if Mark.IN_LOOP in event.marks else LIKELY
        self._seen.add(event.action)

    def _execute(self, event: Event) -> Iterator[tuple[str, float]]:
        if Mark.HARMLESS in event.marks:
            return
        certain = CERTAIN
        if event.action is Action.UNPICKLE:
            # Unpickling what arrives is what remote-call libraries do; a literal is a payload.
            certain = CERTAIN if event.text else LIKELY / 2
        if "network" in event.data:
            yield "chain_net_exec", certain
        if "decoded" in event.data:
            yield "chain_decode_exec", certain
        if "file" in event.data and event.action is Action.EXECUTE:
            yield "chain_file_exec", CERTAIN if Mark.LITERAL in event.marks else LIKELY
        if event.name in ("builtins.execfile", "runpy.run_path"):
            yield from self._run_file(event)

    def _run_file(self, event: Event) -> Iterator[tuple[str, float]]:
        if Mark.HARMLESS in event.marks:
            return
        named = event.names - _COMMON_NAMES
        if named & self._fetched_names:
            yield "chain_net_write_exec", CERTAIN
        if named & self._decoded_names:
            yield "chain_decode_exec", CERTAIN

    def _spawn(self, event: Event) -> Iterator[tuple[str, float]]:
        named = event.names - _COMMON_NAMES
        if "network" in event.data:
            yield "chain_net_exec", CERTAIN
            self._ran_fetched = True
            if Action.CONNECT in self._seen:
                yield "chain_socket_shell", CERTAIN
        if "decoded" in event.data or CommandFact.ENCODED in event.facts:
            yield "chain_decode_spawn", CERTAIN
        if (
            CommandFact.DOWNLOAD_AND_RUN in event.facts
            or named & self._fetched_names
            or any(name in event.text for name in self._fetched_files)
        ):
            yield "chain_net_write_exec", CERTAIN
        elif self._has_written_fetched:
            yield "chain_net_write_exec", LIKELY
        if named & self._written_names:
            yield "chain_write_exec", LIKELY
        if named & self._decoded_names:
            yield "chain_decode_spawn", CERTAIN
        elif self._has_written_decoded:
            yield "chain_decode_spawn", LIKELY
        if CommandFact.REVERSE_SHELL in event.facts or "socket" in event.data:
            yield "chain_socket_shell", CERTAIN
        if CommandFact.TALKS in event.facts or CommandFact.EXFILTRATE in event.facts:
            yield from self._send(event)
        if CommandFact.DOWNLOAD in event.facts:
            for word in event.text.split():
                self._note_file(word)

    def _send(self, event: Event) -> Iterator[tuple[str, float]]:
        if _is_own_address(event):
            return
        found = {_SENT[origin] for origin in event.data if origin in _SENT}
        if "handed" in event.data and _FIXED_ADDRESS.match(event.text):
            found.add("chain_handed_key_net")
        for feature in sorted(found):
            yield feature, CERTAIN
        if self._ran_fetched and Mark.SENDING in event.marks:
            # Commands are fetched, run, and answered: a shell that speaks HTTP.
            yield "chain_socket_shell", CERTAIN
        if event.action is Action.NETWORK or CommandFact.EXFILTRATE in event.facts:
            if Action.SECRET in self._seen and "chain_secret_net" not in found:
                yield "chain_secret_net", LIKELY
            if Action.CAPTURE in self._seen and "chain_capture_net" not in found:
                yield "chain_capture_net", LIKELY
            # urlretrieve and its like fetch and write at once.
            self._fetched_names |= event.names - _COMMON_NAMES

    def _note_file(self, path: str) -> None:
        """Remembers the name of a fetched file, to know it again in a command line."""
        name = path.replace("\\", "/").rpartition("/")[2].strip("\"'")
        if len(name) > 4 and "." in name and HOLE not in name and len(self._fetched_files) < 64:
            self._fetched_files.add(name)

    def _write(self, event: Event) -> Iterator[tuple[str, float]]:
        named = event.names - _COMMON_NAMES
        if "network" in event.data:
            yield "chain_net_write", CERTAIN
        self._written_names |= named
        if "network" in event.data or Action.NETWORK in self._seen:
            self._has_written_fetched = True
            self._fetched_names |= named
            self._note_file(event.text)
        if "decoded" in event.data:
            self._has_written_decoded = True
            self._decoded_names |= named


def _is_own_address(event: Event) -> bool:
    """``gethostbyname(gethostname())``: asks for the machine's own address, sends nothing."""
    is_lookup = event.name.startswith(("socket.gethostby", "socket.getaddrinfo"))
    return is_lookup and "." not in event.text
