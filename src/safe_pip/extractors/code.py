"""Code evidence: what each unit would do, drawn from its trace."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache

from safe_pip.evidence import MAX_EXCERPT_CHARS, Evidence, Location, Surface
from safe_pip.extractors.capabilities import Action
from safe_pip.extractors.chains import (
    CHAINS,
    COMMON_CHAINS,
    FETCHING_CHAINS,
    LEAKS,
    PAYLOADS,
    Chain,
    find_chains,
)
from safe_pip.extractors.code_features import ANNOUNCING, CAPABILITIES, FEATURES, WEIGHTY_ACTIONS
from safe_pip.extractors.commands import CommandFact
from safe_pip.extractors.events import Event, HiddenLookup, Mark, Stream
from safe_pip.extractors.late_regex import late_regex
from safe_pip.extractors.patterns import FAMILIES, mentions
from safe_pip.extractors.talks import talks, unknown_host
from safe_pip.extractors.unit import FoldedLiteral, PythonUnit

__all__ = ["FEATURES", "observe_unit"]

_FEATURE_OF_ACTION: Mapping[Action, str] = {
    action: name for name, (actions, _, _) in CAPABILITIES.items() for action in actions
}
_COUNTED_FAMILIES = frozenset(("secret_path_families", "browser_wallet_paths"))
_ACTED_FAMILIES = frozenset(
    ("agent_config_write", "ci_secret_scrape", "foreign_runtime_fetch", "imds_access",
     "persistence", "registry_publish")
)  # fmt: skip
_MENTIONED = 0.5
_TALKING = frozenset(
    (
        CommandFact.DOWNLOAD, CommandFact.DOWNLOAD_AND_RUN, CommandFact.EXFILTRATE,
        CommandFact.TALKS,
    )
)  # fmt: skip
_INSTALL_COMMANDS = frozenset(("install", "develop", "egg_info", "easy_install", "build_py"))
_HARMLESS_CALLS = late_regex(
    r"(?:^|\.)(?:setup|exit|print|insert|append|filterwarnings|simplefilter|warn|basicConfig|"
    r"freeze_support|chdir|setlocale|exec|update|extend|use_setuptools|write|flush|add|remove)$"
)
_ASSEMBLING_WORDS = (
    "chr", "ord", "lambda", "map", "getattr", "__import__", "globals", "reversed", "bytes",
    "bytearray",
)  # fmt: skip
# The boundary before a word is asked for behind it: a search that begins with letters is faster.
_ASSEMBLING = late_regex(
    "(?:" + "|".join(rf"{word}(?<=\b{word})" for word in _ASSEMBLING_WORDS) + r")\b\s*[(\w_:]"
)
_MIN_ASSEMBLING = 8
_MAX_ASSEMBLING_DENSITY = 0.25
_SINK_CALL = late_regex(
    r"\b(?:(?P<dyn_exec>exec|eval|execfile)"
    r"|(?P<proc_spawn>os\.(?:system|popen)|subprocess\.\w+|Popen|check_output|check_call)"
    r"|(?P<net_out>urlopen|urlretrieve|requests\.(?:get|post|put|request)|create_connection)"
    r"|(?P<decode>b64decode|b32decode|unhexlify|fromhex|decompress|decrypt|marshal\.loads))\s*\("
)


_ANNOUNCED = {
    name: late_regex(rf"\b(?:{'|'.join(words.split())})") for name, words in ANNOUNCING.items()
}


# Addresses, and classifiers that are not topics, stand in every description.
_TELLS_NOTHING = late_regex(r"https?://\S+|^(?!topic)[a-z ]{1,40} :: .*$", re.MULTILINE)


def observe_unit(unit: PythonUnit, *, described: str = "") -> Iterator[Evidence]:
    """All code evidence of one unit. Evidence about a function of another file that this unit
    calls stands at that other file's place.

    ``described`` is what the distribution says of itself, in lower case.
    """
    writer = _Writer(unit, described)
    yield from writer.parse_error()
    yield from writer.streams()
    yield from writer.literals()
    yield from writer.shapes()


class _Writer:
    """Turns one unit's trace into evidence."""

    def __init__(self, unit: PythonUnit, described: str) -> None:
        self._unit = unit
        self._described = described
        self._unannounced = _unannounced(described)

    @cached_property
    def _lines(self) -> list[str]:
        return self._unit.source.split("\n")

    def _excerpt(self, line: int) -> str:
        text = self._lines[line - 1].strip() if 0 < line <= len(self._lines) else ""
        return text[:MAX_EXCERPT_CHARS]

    def _at(
        self, feature: str, line: int, surface: Surface, detail: str, value: float = 1.0
    ) -> Evidence:
        return Evidence(
            feature=feature,
            location=Location(path=self._unit.path, line=line),
            value=value,
            surface=surface,
            excerpt=self._excerpt(line),
            detail=detail,
        )

    def _of(
        self, feature: str, event: Event, surface: Surface, detail: str, value: float = 1.0
    ) -> Evidence:
        if event.path == self._unit.path:
            return self._at(feature, event.line, surface, detail, value)
        return Evidence(
            feature=feature,
            location=Location(path=event.path, line=event.line),
            value=value,
            surface=surface,
            excerpt=(event.text or event.name)[:MAX_EXCERPT_CHARS],
            detail=detail,
        )

    def _lookup(self, feature: str, lookup: HiddenLookup) -> Evidence:
        if lookup.path == self._unit.path:
            return self._at(feature, lookup.line, lookup.surface, lookup.detail)
        return Evidence(
            feature=feature,
            location=Location(path=lookup.path, line=lookup.line),
            surface=lookup.surface,
            excerpt=lookup.detail[:MAX_EXCERPT_CHARS],
            detail=lookup.detail,
        )

    # A source that does not parse

    def parse_error(self) -> Iterator[Evidence]:
        unit = self._unit
        if not unit.parse_error:
            return
        value = _MENTIONED if unit.has_tree else 1.0
        yield self._at("unparsable_python", 1, unit.surface, unit.parse_error[:100], value)
        for number, line in enumerate(self._lines, start=1):
            if unit.has_tree and number not in unit.left_out:
                continue
            is_top_level = line[:1] not in (" ", "\t")
            for match in _SINK_CALL.finditer(line):
                feature = match.lastgroup or ""
                detail = f"calls {match.group().rstrip('(')} in a file that does not parse"
                yield self._at(feature, number, unit.surface, detail)
                if is_top_level and unit.surface.runs_unasked:
                    yield self._at(f"{feature}_unasked", number, unit.surface, detail)

    # What is done

    def streams(self) -> Iterator[Evidence]:
        seen: set[tuple[str, str, int]] = set()
        # Streams that run unasked come first, so that an event counts where it weighs most.
        for stream in self._unit.trace.streams:
            for item in self._stream(stream):
                key = (item.feature, item.location.path, item.location.line)
                if key not in seen:
                    seen.add(key)
                    yield item
        for lookup in self._unit.trace.hidden_lookups:
            yield self._lookup("hidden_lookup", lookup)
            if lookup.surface.runs_unasked:
                yield self._lookup("hidden_lookup_unasked", lookup)
        yield from self._install_hooks()

    def _stream(self, stream: Stream) -> Iterator[Evidence]:
        delayed = False
        for event in stream.events:
            delayed = delayed or event.action is Action.DELAY
            yield from self._capability(event, stream.surface)
            yield from self._manner(event, stream.surface)
            if (
                stream.surface is Surface.STARTUP
                and event.action in WEIGHTY_ACTIONS
                and Mark.HARMLESS not in event.marks
            ):
                yield self._of("startup_acts", event, stream.surface, _sentence(event))
                if event.action is Action.SPAWN:
                    yield self._of("startup_spawns", event, stream.surface, _sentence(event))
                elif event.action is Action.NETWORK:
                    yield self._of("startup_talks", event, stream.surface, _sentence(event))
            if event.action in (Action.NETWORK, Action.CONNECT) or event.facts & _TALKING:
                for feature, value, detail in talks(event, stream.surface, self._described):
                    yield self._of(feature, event, stream.surface, detail, value)
            if event.action is Action.SPAWN:
                yield from self._command(event, stream.surface)
            if delayed and event.action in WEIGHTY_ACTIONS and stream.surface.runs_unasked:
                yield self._of("delay_gate", event, stream.surface, "acts after a long wait")
        for chain in find_chains(stream):
            yield from self._chain(chain, stream.surface)

    def _capability(self, event: Event, surface: Surface) -> Iterator[Evidence]:
        feature = _FEATURE_OF_ACTION.get(event.action)
        if feature is None or Mark.HARMLESS in event.marks:
            return
        detail = _sentence(event)
        is_foreign = event.path != self._unit.path
        if not is_foreign:
            yield self._of(feature, event, surface, detail)
        if surface.runs_unasked:
            # One step through another file is less sure than what stands in the open.
            value = _MENTIONED if is_foreign else 1.0
            yield self._of(f"{feature}_unasked", event, surface, detail, value)
        if feature in self._unannounced and not is_foreign:
            yield self._of(f"{feature}_unannounced", event, surface, detail)

    def _manner(self, event: Event, surface: Surface) -> Iterator[Evidence]:
        """How an event is done, where the manner itself is the sign."""
        match event.action:
            case Action.CAPTURE:
                yield self._of("keylog_screen_cam", event, surface, _sentence(event))
            case Action.NATIVE:
                yield self._of("native_code", event, surface, _sentence(event))
            case Action.REGISTRY:
                yield self._of("registry_change", event, surface, _sentence(event))
            case Action.DEBUG_CHECK:
                yield self._of("vm_debug_check", event, surface, _sentence(event), _MENTIONED)
            case Action.LOGIN:
                detail = "logs in with a name and a password written in the code"
                yield self._of("fixed_login", event, surface, detail)
            case Action.DELETE:
                yield self._of("self_delete", event, surface, "deletes its own file")
            case Action.THREAD if surface.runs_unasked:
                value = 1.0 if Mark.DAEMON in event.marks else _MENTIONED
                yield self._of("thread_unasked", event, surface, _sentence(event), value)
        if event.action not in WEIGHTY_ACTIONS or Mark.HARMLESS in event.marks:
            return
        if event.marks & {Mark.ALIASED, Mark.ASSEMBLED}:
            yield self._of("sink_aliasing", event, surface, _sentence(event))
        if Mark.NESTED in event.marks:
            yield self._of("nested_code_sinks", event, surface, _sentence(event))
        if surface is Surface.COMMAND_CLASS:
            yield self._of("cmdclass_capability", event, surface, _sentence(event))
        if surface is Surface.BUILD_BACKEND:
            yield self._of("build_backend_code", event, surface, _sentence(event))
        if Mark.ONCE in event.marks and surface.runs_unasked and event.action is Action.SPAWN:
            yield self._of("run_once_gate", event, surface, "starts a process once only")
        if event.text:
            yield from self._acted_mentions(event, surface)

    def _acted_mentions(self, event: Event, surface: Surface) -> Iterator[Evidence]:
        for mention in mentions(event.text):
            family = FAMILIES[mention.family]
            if family.feature in _ACTED_FAMILIES:
                yield self._of(family.feature, event, surface, f"acts on {family.says}")

    def _command(self, event: Event, surface: Surface) -> Iterator[Evidence]:
        if Mark.DETACHED in event.marks:
            detail = "starts a process that is detached or has no window"
            yield self._of("detached_spawn", event, surface, detail)
            if surface.runs_unasked:
                yield self._of("detached_spawn_unasked", event, surface, detail)
        if CommandFact.PIP_INSTALL in event.facts:
            value = 1.0 if surface.runs_unasked else _MENTIONED
            yield self._of("pip_in_code", event, surface, "runs pip to install more", value)
        if CommandFact.PUBLISH in event.facts:
            yield self._of("registry_publish", event, surface, "publishes packages")
        if CommandFact.RUNS_OWN_FILE in event.facts and surface.runs_unasked:
            yield self._of("own_file_spawn", event, surface, "starts a script it ships")
        if CommandFact.EXFILTRATE in event.facts:
            yield self._of("shell_upload", event, surface, "its command sends data away")
        if CommandFact.INLINE_CODE in event.facts and surface.runs_unasked:
            detail = "starts an interpreter with a program in its command line"
            yield self._of("inline_code_unasked", event, surface, detail)
        if CommandFact.FROM_MEMORY in event.facts:
            detail = "runs a program that only memory holds"
            yield self._of("memory_program", event, surface, detail)
        if CommandFact.DESTROYS in event.facts:
            detail = "its command deletes files or switches the machine off"
            yield self._of("destroys", event, surface, detail)
        for fact in (CommandFact.DOWNLOAD_AND_RUN, CommandFact.DOWNLOAD):
            if fact in event.facts:
                value = 1.0 if fact is CommandFact.DOWNLOAD_AND_RUN else _MENTIONED
                yield self._of("shell_download", event, surface, f"its command {fact.value}", value)
                break

    def _chain(self, chain: Chain, surface: Surface) -> Iterator[Evidence]:
        event, strength = chain.event, chain.strength
        detail = CHAINS[chain.feature]
        yield self._of(chain.feature, event, surface, detail, strength)
        if chain.feature in FETCHING_CHAINS:
            host = unknown_host(chain.address, self._described)
            if host:
                told = f"runs what it fetches from {host}, which no project is known to use"
                yield self._of("net_unknown_program", event, surface, told, strength)
        if chain.feature in LEAKS:
            host = unknown_host(chain.address, self._described)
            if host:
                told = f"{detail}, to {host}, which no project is known to use"
                yield self._of("leak_to_stranger", event, surface, told, strength)
        if Mark.CROSS_FILE in event.marks:
            yield self._of("chain_cross_file", event, surface, detail, strength)
        if Mark.SILENT in event.marks and chain.feature not in COMMON_CHAINS:
            yield self._of("chain_in_silent_try", event, surface, detail, strength)
            if chain.feature in LEAKS:
                yield self._of("leak_in_silence", event, surface, detail, strength)
            elif chain.feature in PAYLOADS:
                yield self._of("payload_in_silence", event, surface, detail, strength)
        if not surface.runs_unasked:
            return
        unasked = f"{detail}; it {surface.value}"
        yield self._of(f"{chain.feature}_unasked", event, surface, unasked, strength)
        if chain.feature in COMMON_CHAINS:
            return
        yield self._of("chain_toplevel", event, surface, unasked, strength)
        if Mark.OS_GATED in event.marks:
            yield self._of("os_gate_before_chain", event, surface, f"{detail}, on some systems")

    def _install_hooks(self) -> Iterator[Evidence]:
        for command in self._unit.trace.command_classes:
            value = 1.0 if command.command in _INSTALL_COMMANDS else _MENTIONED / 2
            detail = f"replaces the command {command.command}"
            yield self._at("cmdclass_override", command.line, Surface.COMMAND_CLASS, detail, value)
        if self._unit.surface is Surface.SETUP:
            for line, name in self._unit.trace.body_calls:
                if not _HARMLESS_CALLS.search(name):
                    detail = f"calls {name} in the body of setup.py"
                    yield self._at("setup_extra_calls", line, Surface.SETUP, detail)

    # What is said

    def literals(self) -> Iterator[Evidence]:
        counted: dict[str, set[str]] = {feature: set() for feature in _COUNTED_FAMILIES}
        for literal in self._unit.literals:
            if literal.is_docstring:
                continue
            text = _text_of(literal)
            for mention in mentions(text) if len(text) > 3 else ():
                family = FAMILIES[mention.family]
                detail = f"names {family.says}"
                if family.feature in _COUNTED_FAMILIES:
                    known = counted[family.feature]
                    key = mention.family if family.feature.startswith("secret") else mention.text
                    if key in known:
                        continue
                    known.add(key)
                    yield self._at(
                        family.feature, literal.line, literal.surface, detail, len(known)
                    )
                elif family.feature in _ACTED_FAMILIES:
                    yield self._at(
                        family.feature, literal.line, literal.surface, detail, _MENTIONED
                    )
                else:
                    yield self._at(family.feature, literal.line, literal.surface, detail)

    def shapes(self) -> Iterator[Evidence]:
        if not self._unit.has_tree:
            return
        source = self._unit.source
        # A search for the words as they count takes longer than all else here, and finds no more.
        n_words = sum(map(source.count, _ASSEMBLING_WORDS))
        if n_words < _MIN_ASSEMBLING:
            return
        n_lines = max(1, sum(1 for line in self._lines if line and not line.isspace()))
        if n_words / n_lines <= _MAX_ASSEMBLING_DENSITY:
            return
        n_found = len(_ASSEMBLING.findall(source))
        if n_found >= _MIN_ASSEMBLING:
            density = n_found / n_lines
            if density > _MAX_ASSEMBLING_DENSITY:
                yield self._at(
                    "chr_map_density", 1, self._unit.surface, "assembles strings", density
                )


@lru_cache(maxsize=4)
def _unannounced(described: str) -> frozenset[str]:
    """The capabilities that no word of a description announces."""
    told = _TELLS_NOTHING.sub(" ", described)
    return frozenset(name for name, pattern in _ANNOUNCED.items() if not pattern.search(told))


def _text_of(literal: FoldedLiteral) -> str:
    if isinstance(literal.value, bytes):
        return literal.value.decode("latin-1")
    return literal.value


def _sentence(event: Event) -> str:
    manner = sorted(mark.value for mark in event.marks & {
        Mark.ALIASED, Mark.ASSEMBLED, Mark.NESTED, Mark.SILENT
    })  # fmt: skip
    return ", ".join((f"{event.action.value} ({event.name})", *manner))
