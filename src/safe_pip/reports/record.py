"""Records: what was decided about each artifact that arrived, to be committed and checked again.

Written so that the same decisions give the same bytes: sorted, without times of ours or paths of
this machine, one value a line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from packaging.utils import canonicalize_name

from safe_pip.artifact import OriginKind
from safe_pip.errors import EXIT_UNSCANNABLE, SafePipError
from safe_pip.policy.index_signals import Release
from safe_pip.policy.rules import Action, Context, Decision
from safe_pip.reports.entry import Entry, Scanner
from safe_pip.verdict import Change, Lookalike, RuleHit, Unscannable, Verdict

if TYPE_CHECKING:
    from safe_pip.threats.attestations import Attested

SCHEMA_VERSION = 1
# A thousand artifacts take some 500 kB.
MAX_RECORD_BYTES = 64 << 20
_FORMAT = "safe-pip verdict record"
_HINT = "Write it anew with `safe-pip --record FILE install …`."
_T = TypeVar("_T")

_UNSCANNABLE = "it could not be inspected when it was recorded"


class RecordError(SafePipError):
    """A record cannot be read, so that nothing in it can be checked."""

    exit_code = EXIT_UNSCANNABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Decisions of an earlier run, and the id of the scanner that they rest on. Verdicts out of a
    record have no findings."""

    scanner_id: str
    decisions: tuple[Decision, ...]


def record_document(entries: Sequence[Entry], scanner: Scanner) -> str:
    """What arrived by itself. What pip unpacked or built out of that has another digest, and
    often another name, each time."""
    artifacts = [_artifact(entry.decision) for entry in entries if entry.came_out_of is None]
    document = {
        "format": _FORMAT,
        "schema_version": SCHEMA_VERSION,
        "scanner": scanner.id,
        "artifacts": sorted(artifacts, key=_place),
    }
    return json.dumps(document, indent=2) + "\n"


def read_record(path: Path) -> Record:
    """Raises RecordError, naming the key, for anything but a record that this version writes."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_RECORD_BYTES + 1)
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}.", hint=_HINT) from error
    try:
        if len(text) > MAX_RECORD_BYTES:
            raise ValueError(f"more than {MAX_RECORD_BYTES:,} bytes")
        return _record(json.loads(text))
    except json.JSONDecodeError as error:
        raise RecordError(f"{path} is no verdict record: it is not JSON.", hint=_HINT) from error
    except UnicodeDecodeError as error:
        raise RecordError(f"{path} is no verdict record: it is not text.", hint=_HINT) from error
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path} is no verdict record: {error}.", hint=_HINT) from error


def _artifact(decision: Decision) -> dict[str, object]:
    verdict, context = decision.verdict, decision.context
    return {
        "project": verdict.project,
        "version": verdict.version,
        "filename": _lasting_name(verdict).encode("utf-8", "replace").decode(),
        "kind": verdict.kind,
        "sha256": verdict.sha256,
        "origin": context.origin.word,
        "index_url": context.index_url,
        "page_format": context.page_format,
        "uploaded_at": context.uploaded_at.isoformat() if context.uploaded_at else None,
        "known_since": context.known_since.isoformat() if context.known_since else None,
        "provenance_url": context.provenance_url,
        "attested": _attested(context),
        "attested_before": context.attested_before,
        "yanked": context.yanked,
        "project_status": context.project_status,
        "other_indexes": list(context.other_indexes),
        "lookalike": _lookalike(verdict),
        "score": verdict.score,
        "unscannable": verdict.unscannable.reason if verdict.unscannable else None,
        "change": _change(verdict.change),
        "hard_rules": [
            {"name": hit.name, "says": hit.says, "path": hit.path, "blocks": hit.is_block}
            for hit in verdict.rules
        ],
        "action": decision.action.value,
        "rule": decision.rule,
        "reason": decision.reason,
    }


def _lookalike(verdict: Verdict) -> dict[str, object] | None:
    like = verdict.lookalike
    return None if like is None else {"closeness": like.closeness, "words": like.words}


def _attested(context: Context) -> dict[str, str] | None:
    if context.attested is None:
        return None
    return {name: text for name, text in asdict(context.attested).items() if text is not None}


def _change(change: Change | None) -> dict[str, object] | None:
    """A suspicious one: of others, the record would depend on what was installed before."""
    if change is None or not change.is_suspicious:
        return None
    return {"previous": change.previous, "score": change.score, "ask_above": change.ask_above}


def _lasting_name(verdict: Verdict) -> str:
    """pip gives the folder of a checkout another name each time."""
    return verdict.project or verdict.filename if verdict.kind == "directory" else verdict.filename


def _place(artifact: Mapping[str, object]) -> tuple[str, ...]:
    keys = ("project", "version", "filename", "sha256", "origin")
    return tuple(str(artifact[key] or "") for key in keys)


_ORIGINS = {origin.word: origin for origin in OriginKind}
_ACTIONS = {action.value: action for action in Action}


def _record(document: object) -> Record:
    fields = _Fields(document, "")
    if fields.text("format") != _FORMAT:
        raise ValueError(f"format is not {_FORMAT!r}")
    if (version := fields.values.get("schema_version")) != SCHEMA_VERSION:
        raise ValueError(f"schema_version is {version!r}, and this safe-pip reads {SCHEMA_VERSION}")
    scanner_id = fields.text("scanner")
    artifacts = fields.values.get("artifacts")
    if not isinstance(artifacts, list):
        raise ValueError("artifacts is not a list")
    return Record(
        scanner_id=scanner_id,
        decisions=tuple(
            _decision(_Fields(artifact, f"artifacts[{number}]."), scanner_id)
            for number, artifact in enumerate(artifacts)
        ),
    )


def _decision(fields: _Fields, scanner_id: str) -> Decision:
    project = fields.optional_text("project")
    reason = fields.optional_text("unscannable")
    score = fields.part_of_one("score")
    if (score is None) == (reason is None):
        raise ValueError(f"{fields.prefix}score and unscannable: one of the two is needed")
    known_since = fields.time("known_since")
    verdict = Verdict(
        sha256=fields.text("sha256"),
        filename=fields.text("filename"),
        kind=fields.text("kind"),
        project=canonicalize_name(project) if project is not None else None,
        version=fields.optional_text("version"),
        scanner_id=scanner_id,
        score=score,
        unscannable=Unscannable(reason=reason, detail=_UNSCANNABLE) if reason else None,
        lookalike=fields.lookalike(),
        change=_recorded_change(fields),
        rules=tuple(_recorded_rules(fields)),
    )
    context = Context(
        origin=fields.one_of("origin", _ORIGINS),
        uploaded_at=fields.time("uploaded_at"),
        # Which release that was is not recorded.
        releases=(Release(version="", uploaded_at=known_since),) if known_since else (),
        project=verdict.project,
        index_url=fields.optional_text("index_url"),
        page_format=fields.optional_text("page_format"),
        provenance_url=fields.optional_text("provenance_url"),
        attested=fields.attested(),
        attested_before=fields.optional_text("attested_before"),
        yanked=fields.optional_text("yanked"),
        project_status=fields.optional_text("project_status"),
        other_indexes=fields.texts("other_indexes"),
    )
    return Decision(
        verdict=verdict,
        context=context,
        action=fields.one_of("action", _ACTIONS),
        rule=fields.text("rule"),
        reason=fields.text("reason"),
    )


def _recorded_rules(fields: _Fields) -> Iterator[RuleHit]:
    rules = fields.values.get("hard_rules", [])
    if not isinstance(rules, list):
        raise ValueError(f"{fields.prefix}hard_rules is not a list")
    for number, rule in enumerate(rules):
        inner = _Fields(rule, f"{fields.prefix}hard_rules[{number}].")
        yield RuleHit(
            name=inner.text("name"),
            says=inner.text("says"),
            path=inner.text("path"),
            is_block=inner.truth("blocks"),
        )


def _recorded_change(fields: _Fields) -> Change | None:
    if fields.values.get("change") is None:
        return None
    inner = _Fields(fields.values["change"], f"{fields.prefix}change.")
    score, ask_above = inner.part_of_one("score"), inner.part_of_one("ask_above")
    if score is None or ask_above is None:
        raise ValueError(f"{inner.prefix}score and ask_above: both are needed")
    return Change(previous=inner.text("previous"), score=score, ask_above=ask_above)


@dataclass(frozen=True, slots=True)
class _Fields:
    """An object of the document; ``prefix`` stands before its keys in errors."""

    document: object
    prefix: str

    @property
    def values(self) -> Mapping[str, object]:
        if not isinstance(self.document, dict):
            raise ValueError(f"{self.prefix.rstrip('.') or 'the document'} is not an object")
        return self.document

    def text(self, key: str) -> str:
        value = self.values.get(key)
        if not isinstance(value, str):
            raise ValueError(f"{self.prefix}{key} is not a text")
        return value

    def optional_text(self, key: str) -> str | None:
        return None if self.values.get(key) is None else self.text(key)

    def time(self, key: str) -> datetime | None:
        text = self.optional_text(key)
        try:
            return datetime.fromisoformat(text) if text is not None else None
        except ValueError as error:
            raise ValueError(f"{self.prefix}{key} is not a time") from error

    def lookalike(self) -> Lookalike | None:
        if self.values.get("lookalike") is None:
            return None
        fields = _Fields(self.values["lookalike"], f"{self.prefix}lookalike.")
        closeness = fields.part_of_one("closeness")
        if closeness is None:
            raise ValueError(f"{fields.prefix}closeness is not a number from 0 to 1")
        return Lookalike(closeness=closeness, words=fields.text("words"))

    def attested(self) -> Attested | None:
        if self.values.get("attested") is None:
            return None
        # What it imports of the network is nothing to a run that only writes.
        from safe_pip.threats.attestations import Attested

        fields = _Fields(self.values["attested"], f"{self.prefix}attested.")
        said = {name: fields.optional_text(name) for name in ("publisher", "flaw", "unchecked")}
        if sum(text is not None for text in said.values()) != 1:
            raise ValueError(f"{self.prefix}attested: publisher, flaw or unchecked is needed")
        return Attested(**said)

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.values.get(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ValueError(f"{self.prefix}{key} is not a list of texts")
        return tuple(value)

    def one_of(self, key: str, choices: Mapping[str, _T]) -> _T:
        value = self.text(key)
        if value not in choices:
            raise ValueError(f"{self.prefix}{key} is {value!r}; there are {', '.join(choices)}")
        return choices[value]

    def truth(self, key: str) -> bool:
        value = self.values.get(key)
        if not isinstance(value, bool):
            raise ValueError(f"{self.prefix}{key} is not true or false")
        return value

    def part_of_one(self, key: str) -> float | None:
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
            raise ValueError(f"{self.prefix}{key} is not a number from 0 to 1")
        return float(value)
