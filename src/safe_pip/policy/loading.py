"""Loading: which policy files count, and what they come to together.

The order is built-in, organisation's file, user's file, project's file, ``--policy FILE``. A
project's file lies in a working directory that may be somebody else's: unless its owner trusted it,
it can only tighten. What the organisation says is a floor besides: nothing below it gets under it.
"""

from __future__ import annotations

import stat
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safe_pip.errors import PolicyError
from safe_pip.policy.keys import KEYS, KEYS_BY_FIELD, read_table
from safe_pip.policy.settings import Policy, Threshold, Thresholds
from safe_pip.policy.trust import TrustedFiles, table_digest

OWN_FILE = "safe-pip.toml"
BUILT_IN = "built-in"
MODEL = "the model"
ORGANISATION = "organisation"
PROJECT = "project"
MAX_POLICY_BYTES = 1 << 20
_NO_FILE_HINT = (
    "Check its name; `safe-pip policy init` begins a file, docs/policy.md has every key."
)
_HINT = "Correct the file, or run `safe-pip policy check FILE`; docs/policy.md lists every key."


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFile:
    """A policy file that was read and found valid. ``said`` holds the fields of Policy it sets."""

    path: Path
    table_digest: str
    said: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A policy file in its place, above the policy ``below``."""

    title: str
    file: PolicyFile
    is_trusted: bool
    below: Policy

    @property
    def said(self) -> Mapping[str, object]:
        """What the file sets and has a say in."""
        if self.title != PROJECT:
            return self.file.said
        fields = self.file.said.items()
        return {name: value for name, value in fields if KEYS_BY_FIELD[name].is_for_projects}

    @property
    def reached(self) -> Policy:
        wanted = override(self.below, self.said)
        return wanted if self.is_trusted else self.below.meet(wanted)

    @property
    def unheard_keys(self) -> Sequence[str]:
        """The keys that the file sets and that are not for a project to choose, trusted or not."""
        return [KEYS_BY_FIELD[name].name for name in self.file.said if name not in self.said]

    def looser_keys(self, thresholds: Thresholds | None) -> Sequence[str]:
        """The keys (kebab-case) to which the file gives a looser value than there is below; they
        count only if it is trusted. Without the model's ``thresholds``, a threshold above them
        goes unnoticed."""
        wanted = override(self.below, self.said)
        strict = self.below.meet(wanted)
        return [
            key.name
            for key in KEYS.values()
            if key.field in self.said
            and _value(wanted, key.field, thresholds) != _value(strict, key.field, thresholds)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The policy as it was after a file had its say."""

    source: str
    is_floor: bool
    policy: Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPolicy:
    """The effective policy, the layers it came from in order, and how it came to be."""

    policy: Policy
    layers: tuple[Layer, ...]
    steps: tuple[Step, ...]

    def source(self, field: str, thresholds: Thresholds | None = None) -> str:
        """Who set the value of a field: the last whose say changed what it comes to, and all who
        added to a collected one. Without the model's ``thresholds``, a threshold above them
        counts as a change."""
        reached = Policy()
        source = MODEL if isinstance(getattr(reached, field), Threshold) else BUILT_IN
        for step in self.steps:
            before, after = (_value(one, field, thresholds) for one in (reached, step.policy))
            if before != after:
                is_added = KEYS_BY_FIELD[field].is_collected and before and not step.is_floor
                source = f"{source}, {step.source}" if is_added else step.source
            reached = step.policy
        return source


def load_policy(
    *,
    user_file: Path | None,
    start_folder: Path | None,
    given: Path | None,
    trusted: TrustedFiles,
    organisation_files: Sequence[Path] = (),
) -> LoadedPolicy:
    """The policy in force.

    ``organisation_files`` (the first of them is the authority) and ``user_file`` need not exist;
    ``start_folder`` is where the search for the project's file begins; ``given`` is the file of
    ``--policy`` and must exist. Raises PolicyError.
    """
    policy = Policy()
    layers: list[Layer] = []
    steps: list[Step] = []
    organisation = [read_policy_file(path) for path in organisation_files if _is_there(path)]
    # Later ones can be named by the environment, which must not except from the first.
    found = [
        (ORGANISATION, file if number else _as_authority(file), True)
        for number, file in enumerate(organisation)
    ]
    for title, file, is_trusted in [*found, *_files(user_file, start_folder, given, trusted)]:
        layer = Layer(title=title, file=file, is_trusted=is_trusted, below=policy)
        layers.append(layer)
        policy = layer.reached
        steps.append(Step(source=f"{title} ({file.path})", is_floor=False, policy=policy))
    for title, file, _ in found:
        policy = hold(policy, file.said)
        steps.append(Step(source=f"{title} ({file.path})", is_floor=True, policy=policy))
    return LoadedPolicy(policy=policy, layers=tuple(layers), steps=tuple(steps))


def hold(policy: Policy, said: Mapping[str, object]) -> Policy:
    """``policy`` with what the organisation says as a floor.

    Its own allow entries are in ``policy`` already, and set its rules aside; those of others
    set aside only what it does not speak about.
    """
    if "minimum_release_age" in said:
        # Or else the wait would be over as soon as the index tells no time.
        said = {"unknown_age": Policy().unknown_age, **said}
        exempt = policy.minimum_release_age_exempt & _patterns(said, "minimum_release_age_exempt")
        policy = replace(policy, minimum_release_age_exempt=exempt)
    if "name_squats" in said:
        exempt = policy.name_squats_exempt & _patterns(said, "name_squats_exempt")
        policy = replace(policy, name_squats_exempt=exempt)
    rules = {KEYS_BY_FIELD[name].name for name in said}
    return replace(tighten(policy, said), held=policy.held | rules)


def _patterns(said: Mapping[str, object], name: str) -> frozenset[str]:
    patterns = said.get(name, frozenset())
    assert isinstance(patterns, frozenset)
    return patterns


def _as_authority(file: PolicyFile) -> PolicyFile:
    """The file with its allow entries as those that set aside what the organisation says."""
    allow = file.said.get("allow", frozenset())
    assert isinstance(allow, frozenset)
    if not allow:
        return file
    marked = frozenset(replace(entry, is_organisation=True) for entry in allow)
    return replace(file, said={**file.said, "allow": marked})


def override(policy: Policy, said: Mapping[str, object]) -> Policy:
    """``policy`` with what a file says; entries of collected keys are added to those there."""
    values: dict[str, Any] = {
        key.field: (
            getattr(policy, key.field) | said[key.field] if key.is_collected else said[key.field]
        )
        for key in KEYS.values()
        if key.field in said
    }
    return replace(policy, **values)


def tighten(policy: Policy, said: Mapping[str, object]) -> Policy:
    """``policy`` with only those wishes of an untrusted file that make it stricter."""
    return policy.meet(override(policy, said))


def read_policy_file(path: Path, *, called: Path | None = None) -> PolicyFile:
    """A file that must hold a policy: a pyproject.toml, or safe-pip.toml under any name.

    ``called`` is the name under which to read and report it, if that is not yet its own. Raises
    PolicyError.
    """
    named = called or path
    document = _parse(named, _read(path))
    if named.name != "pyproject.toml":
        return _validated(named, document)
    table = _section(document, named)
    if table is None:
        raise PolicyError(f"{named} has no [tool.safe-pip] table.", hint=_HINT)
    return _validated(named, table)


def find_project_file(start_folder: Path) -> PolicyFile | None:
    """The policy of the nearest folder at or above ``start_folder`` that has one."""
    for folder in (start_folder, *start_folder.parents):
        own = folder / OWN_FILE
        if _is_there(own):
            return read_policy_file(own)
        shared = folder / "pyproject.toml"
        if _is_there(shared):
            content = _read(shared)
            # Somebody's broken pyproject.toml is theirs to mend, unless it speaks of us.
            if b"safe-pip" in content and (table := _section(_parse(shared, content), shared)):
                return _validated(shared, table)
    return None


def _files(
    user_file: Path | None, start_folder: Path | None, given: Path | None, trusted: TrustedFiles
) -> Sequence[tuple[str, PolicyFile, bool]]:
    found: list[tuple[str, PolicyFile, bool]] = []
    if user_file is not None and _is_there(user_file):
        found.append(("user", read_policy_file(user_file), True))
    if start_folder is not None and (project := find_project_file(start_folder)) is not None:
        is_trusted = trusted.holds(project.path, project.table_digest)
        found.append((PROJECT, project, is_trusted))
    if given is not None:
        found.append(("--policy", read_policy_file(given), True))
    return found


def _value(policy: Policy, field: str, thresholds: Thresholds | None) -> object:
    """A field's value, for a threshold the score that it comes to."""
    value = getattr(policy, field)
    if not isinstance(value, Threshold):
        return value
    if thresholds is None:
        return value.fixed
    return value.value(thresholds.block if field == "block_above" else thresholds.ask)


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise PolicyError(f"{path} cannot be looked at: {error.strerror}.", hint=_HINT) from error
    return True


def _read(path: Path) -> bytes:
    try:
        # A FIFO or a device in the working directory must not hang the run.
        if not stat.S_ISREG(path.stat().st_mode):
            raise PolicyError(f"{path} is not a regular file.", hint=_HINT)
        with path.open("rb") as file:
            content = file.read(MAX_POLICY_BYTES + 1)
    except FileNotFoundError as error:
        raise PolicyError(f"{path} does not exist.", hint=_NO_FILE_HINT) from error
    except OSError as error:
        raise PolicyError(f"{path} cannot be read: {error.strerror}.", hint=_HINT) from error
    if len(content) > MAX_POLICY_BYTES:
        raise PolicyError(f"{path} is larger than {MAX_POLICY_BYTES} bytes.", hint=_HINT)
    return content


def _parse(path: Path, content: bytes) -> Mapping[str, object]:
    # Most users have no policy of their own to be read.
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        document: Mapping[str, object] = tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # Bad TOML, bad UTF-8, or too large a number.
        raise PolicyError(f"{path} is not valid TOML: {error}.", hint=_HINT) from error
    return document


def _section(document: Mapping[str, object], path: Path) -> Mapping[str, object] | None:
    tool = document.get("tool", {})
    if not isinstance(tool, dict):
        raise PolicyError(f"{path}: tool: {tool!r} is not a table", hint=_HINT)
    table: object = tool.get("safe-pip")
    if table is not None and not isinstance(table, dict):
        raise PolicyError(f"{path}: tool.safe-pip: {table!r} is not a table", hint=_HINT)
    return table


def _validated(path: Path, table: Mapping[str, object]) -> PolicyFile:
    prefix = "tool.safe-pip." if path.name == "pyproject.toml" else ""
    try:
        said = read_table(table, prefix)
    except PolicyError as error:
        raise PolicyError(f"{path}: {error}", hint=_HINT) from error
    return PolicyFile(path=path, table_digest=table_digest(table), said=said)
