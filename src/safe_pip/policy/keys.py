"""The keys of a policy file: the one list that loading, `policy show` and the docs go by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from safe_pip.errors import PolicyError
from safe_pip.policy.schema import (
    ALLOWED,
    DENIED,
    DURATION,
    FEEDS,
    PATTERNS,
    PRIVATE_NAMES,
    THRESHOLD,
    TRUTH,
    Schema,
    words_schema,
)
from safe_pip.policy.settings import Action, Threshold, Unattended
from safe_pip.policy.values import (
    read_allowed,
    read_denied,
    read_duration,
    read_feeds,
    read_patterns,
    read_private_names,
    read_threshold,
    read_truth,
    word_reader,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key. ``read`` takes the TOML value and its key path; ``schema`` (JSON Schema) and
    ``takes`` (words) tell which values there are; ``is_collected`` says that the entries of all
    layers count together; only what ``is_for_projects`` is heard from a project's file."""

    name: str
    read: Callable[[object, str], object]
    schema: Schema
    takes: str
    says: str
    is_collected: bool = False
    is_for_projects: bool = True

    @property
    def field(self) -> str:
        return self.name.replace("-", "_")


_BLOCK_ASK = {"block": Action.BLOCK, "ask": Action.ASK}
_ALLOW_ASK_BLOCK = {"allow": Action.ALLOW, "ask": Action.ASK, "block": Action.BLOCK}
_BLOCK_ASK_OFF = {"block": Action.BLOCK, "ask": Action.ASK, "off": Action.ALLOW}
_UNATTENDED = {"block": Unattended.BLOCK, "allow-below-block": Unattended.ALLOW_BELOW_BLOCK}

KEYS: Mapping[str, Key] = {
    key.name: key
    for key in (
        Key(
            name="block-above",
            read=read_threshold,
            schema=THRESHOLD,
            takes="a number from 0 to 1",
            says="scores at or above it are blocked; the model brings its own",
        ),
        Key(
            name="ask-above",
            read=read_threshold,
            schema=THRESHOLD,
            takes="a number from 0 to 1",
            says="scores at or above it are asked about; the model brings its own",
        ),
        Key(
            name="unattended",
            read=word_reader(_UNATTENDED),
            schema=words_schema(_UNATTENDED),
            takes='"block" or "allow-below-block"',
            says="what becomes of a question about a score when nobody can answer it",
        ),
        Key(
            name="unscannable",
            read=word_reader(_BLOCK_ASK),
            schema=words_schema(_BLOCK_ASK),
            takes='"block" or "ask"',
            says="artifacts that could not be inspected in full",
        ),
        Key(
            name="deny",
            read=read_denied,
            schema=DENIED,
            takes="a list of names and specifiers",
            says="projects and versions that never pass, whatever allows them",
            is_collected=True,
        ),
        Key(
            name="allow",
            read=read_allowed,
            schema=ALLOWED,
            takes="an array of tables",
            says="reviewed artifacts and projects that pass without a question",
            is_collected=True,
        ),
        Key(
            name="direct-urls",
            read=word_reader(_ALLOW_ASK_BLOCK),
            schema=words_schema(_ALLOW_ASK_BLOCK),
            takes='"allow", "ask" or "block"',
            says="artifacts from a direct URL, once nothing was found in them",
        ),
        Key(
            name="vcs",
            read=word_reader(_ALLOW_ASK_BLOCK),
            schema=words_schema(_ALLOW_ASK_BLOCK),
            takes='"allow", "ask" or "block"',
            says="sources from version control, once nothing was found in them",
        ),
        Key(
            name="editable",
            read=word_reader(_ALLOW_ASK_BLOCK),
            schema=words_schema(_ALLOW_ASK_BLOCK),
            takes='"allow", "ask" or "block"',
            says="editable folders, once nothing was found in them",
        ),
        Key(
            name="sdists",
            read=word_reader(_ALLOW_ASK_BLOCK),
            schema=words_schema(_ALLOW_ASK_BLOCK),
            takes='"allow", "ask" or "block"',
            says="source distributions, whose build runs their code",
        ),
        Key(
            name="advisories",
            read=word_reader(_BLOCK_ASK_OFF),
            schema=words_schema(_BLOCK_ASK_OFF),
            takes='"block", "ask" or "off"',
            says="releases on a list of known malware",
        ),
        Key(
            name="changes",
            read=word_reader(_BLOCK_ASK_OFF),
            schema=words_schema(_BLOCK_ASK_OFF),
            takes='"block", "ask" or "off"',
            says="releases that gained, since the one at hand, what attacks show",
        ),
        Key(
            name="advisory-feeds",
            read=read_feeds,
            schema=FEEDS,
            takes="a list of URLs of OSV exports",
            says="where `safe-pip feed update` fetches the list of known malware",
            is_collected=True,
            is_for_projects=False,
        ),
        Key(
            name="offline",
            read=read_truth,
            schema=TRUTH,
            takes="true or false",
            says="safe-pip itself never uses the network",
        ),
        Key(
            name="minimum-release-age",
            read=read_duration,
            schema=DURATION,
            takes='a duration such as "72h", "7d" or "2w"',
            says="releases uploaded to the index more recently are blocked",
        ),
        Key(
            name="minimum-release-age-exempt",
            read=read_patterns,
            schema=PATTERNS,
            takes="a list of name patterns",
            says="projects that minimum-release-age does not wait for",
            is_collected=True,
        ),
        Key(
            name="unknown-age",
            read=word_reader(_ALLOW_ASK_BLOCK),
            schema=words_schema(_ALLOW_ASK_BLOCK),
            takes='"allow", "ask" or "block"',
            says="releases whose upload time the index does not tell; with minimum-release-age",
        ),
        Key(
            name="yanked",
            read=word_reader(_ALLOW_ASK_BLOCK),
            schema=words_schema(_ALLOW_ASK_BLOCK),
            takes='"allow", "ask" or "block"',
            says="releases that their index has yanked",
        ),
        Key(
            name="quarantined",
            read=word_reader(_ALLOW_ASK_BLOCK),
            schema=words_schema(_ALLOW_ASK_BLOCK),
            takes='"allow", "ask" or "block"',
            says="projects that their index has quarantined",
        ),
        Key(
            name="several-indexes",
            read=word_reader(_ALLOW_ASK_BLOCK),
            schema=words_schema(_ALLOW_ASK_BLOCK),
            takes='"allow", "ask" or "block"',
            says="projects that several of pip's indexes offer, with different files",
        ),
        Key(
            name="name-squats",
            read=word_reader(_ALLOW_ASK_BLOCK),
            schema=words_schema(_ALLOW_ASK_BLOCK),
            takes='"allow", "ask" or "block"',
            says="new projects whose name is easily mistaken for a much more popular one's",
        ),
        Key(
            name="name-squats-exempt",
            read=read_patterns,
            schema=PATTERNS,
            takes="a list of name patterns",
            says="projects whose name name-squats does not mind",
            is_collected=True,
        ),
        Key(
            name="attestations",
            read=word_reader(_BLOCK_ASK_OFF),
            schema=words_schema(_BLOCK_ASK_OFF),
            takes='"block", "ask" or "off"',
            says="files of an index without an attestation (PEP 740) that was found to hold",
        ),
        Key(
            name="attestation-loss",
            read=word_reader(_ALLOW_ASK_BLOCK),
            schema=words_schema(_ALLOW_ASK_BLOCK),
            takes='"allow", "ask" or "block"',
            says="releases without an attestation, where earlier ones on the index have some",
        ),
        Key(
            name="private-names",
            read=read_private_names,
            schema=PRIVATE_NAMES,
            takes="a table of name patterns, each with the URL of an index",
            says="projects that may come from one index only",
            is_collected=True,
        ),
    )
}

KEYS_BY_FIELD: Mapping[str, Key] = {key.field: key for key in KEYS.values()}


def policy_schema() -> Schema:
    """The JSON Schema of a policy file, for editors. What it refuses is refused when the file is
    read; some of what it accepts is refused as well (bad specifiers, thresholds in disorder)."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "safe-pip.toml, or [tool.safe-pip] in pyproject.toml",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            key.name: {**key.schema, "description": f"{key.says}. {key.takes.capitalize()}."}
            for key in KEYS.values()
        },
    }


def read_table(table: Mapping[str, object], prefix: str) -> dict[str, object]:
    """The fields of Policy that a TOML table sets.

    ``prefix`` (such as ``tool.safe-pip.``) stands before each key path in errors. Raises
    PolicyError for an unknown key, a wrong type or a value that makes no sense.
    """
    said: dict[str, object] = {}
    for name, value in table.items():
        key = KEYS.get(name)
        if key is None:
            raise PolicyError(f"{prefix}{name}: unknown key{_nearest(name)}")
        said[key.field] = key.read(value, f"{prefix}{name}")
    ask, block = said.get("ask_above"), said.get("block_above")
    if isinstance(ask, Threshold) and isinstance(block, Threshold) and ask.fixed > block.fixed:
        raise PolicyError(
            f"{prefix}ask-above: {ask.fixed} is greater than block-above, {block.fixed}"
        )
    return said


def _nearest(name: str) -> str:
    close = get_close_matches(name.replace("_", "-").lower(), KEYS, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(KEYS)}"
