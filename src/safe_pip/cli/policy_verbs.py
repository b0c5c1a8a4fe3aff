"""``policy``: see it, check a file, begin one, allow an artifact, trust a project's file."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime, timezone
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.utils import InvalidName, NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from safe_pip.cli.arguments import Options
from safe_pip.cli.surroundings import Surroundings
from safe_pip.errors import ModelError, PolicyError, UsageError
from safe_pip.escaping import escaped
from safe_pip.policy.keys import KEYS, policy_schema
from safe_pip.policy.loading import OWN_FILE, PolicyFile, find_project_file, read_policy_file
from safe_pip.policy.settings import AllowEntry, Thresholds
from safe_pip.policy.showing import policy_lines
from safe_pip.policy.writing import append_allow, write_template

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def run_policy(options: Options, arguments: Sequence[str], surroundings: Surroundings) -> int:
    asked = _parser().parse_args(arguments)
    match asked.verb:
        case "show":
            return _show(options, surroundings)
        case "check":
            return _check(asked.file, options, surroundings)
        case "init":
            path = write_template(surroundings.working_folder)
            print(
                f"{escaped(str(path))} written: edit it. It can only tighten, until you run "
                "`safe-pip policy trust`."
            )
            return 0
        case "schema":
            print(json.dumps(policy_schema(), indent=2))
            return 0
        case "trust":
            return _trust(asked.file, surroundings)
        case _:
            return _allow(asked, options, surroundings)


def _show(options: Options, surroundings: Surroundings) -> int:
    loaded = surroundings.load_policy(options.policy)
    thresholds = None
    with suppress(ModelError):
        from safe_pip.scoring.shipped import check_shipped_model

        model = check_shipped_model()
        thresholds = Thresholds(ask=model.thresholds.ask, block=model.thresholds.block)
    for line in policy_lines(loaded, thresholds):
        print(line)
    for folder in surroundings.organisation_folders:
        if not (folder / OWN_FILE).exists():
            print(f"# organisation: {escaped(str(folder / OWN_FILE))} (not there)")
    if not surroundings.user_policy.exists():
        print(f"# user: {escaped(str(surroundings.user_policy))} (not there)")
    return 0


def _check(path: Path | None, options: Options, surroundings: Surroundings) -> int:
    """A file, or every file that counts here."""
    if path is not None:
        return _describe(read_policy_file(path))
    layers = surroundings.load_policy(options.policy).layers
    for layer in layers:
        _describe(layer.file)
    if not layers:
        print("no policy files: the built-in policy is in force")
    return 0


def _describe(file: PolicyFile) -> int:
    keys = "1 key" if len(file.said) == 1 else f"{len(file.said)} keys"
    print(f"{escaped(str(file.path))}: valid, sets {keys}")
    today = datetime.now(timezone.utc).date()
    allowed = file.said.get("allow", frozenset())
    assert isinstance(allowed, frozenset)
    for entry in sorted(allowed, key=lambda entry: str(entry.project)):
        if entry.has_expired(today):
            print(f"  the entry that allows {entry.project} expired on {entry.expires}")
    return 0


def _trust(path: Path | None, surroundings: Surroundings) -> int:
    """What was trusted is the content that was read just now, not what the file may become."""
    file = read_policy_file(path) if path else find_project_file(surroundings.working_folder)
    if file is None:
        raise PolicyError(
            f"There is no {OWN_FILE} and no [tool.safe-pip] at or above "
            f"{surroundings.working_folder}.",
            hint="safe-pip policy init makes one.",
        )
    surroundings.trusted.add(file.path, file.table_digest)
    print(
        f"{escaped(str(file.path))} is trusted until its policy changes; "
        f"it sets {'these keys:' if file.said else 'nothing yet.'}"
    )
    for key in KEYS.values():
        if key.field in file.said:
            print(f"  {key.name}: {key.says}")
    return 0


def _allow(asked: argparse.Namespace, options: Options, surroundings: Surroundings) -> int:
    project_file = find_project_file(surroundings.working_folder)
    if asked.project:
        path = project_file.path if project_file else surroundings.working_folder / OWN_FILE
    else:
        path = surroundings.user_policy
    was_trusted = project_file is None or surroundings.trusted.holds(
        project_file.path, project_file.table_digest
    )
    if asked.expires is not None and asked.expires < datetime.now(timezone.utc).date():
        raise UsageError(
            f"--expires {asked.expires} is past.", hint="It is the last day on which it counts."
        )
    entry = _entry(asked, options, surroundings)
    written = append_allow(path, entry)
    # Who writes through us has read the entry; what else is in the file was trusted or was not.
    if asked.project and was_trusted:
        surroundings.trusted.add(written.path, written.table_digest)
    print(
        f"{entry.project}{entry.specifier} with this digest is allowed from now on; "
        f"the entry is in {escaped(str(path))}"
    )
    if held := surroundings.load_policy(options.policy).policy.held - {"allow"}:
        names = ", ".join(sorted(held))
        print(f"  It sets aside nothing that your organisation's policy says: {names}.")
    if asked.project and not was_trusted:
        print("  It does not count until you run `safe-pip policy trust`.", file=sys.stderr)
    return 0


def _entry(asked: argparse.Namespace, options: Options, surroundings: Surroundings) -> AllowEntry:
    if asked.sha256 is not None:
        if not _SHA256.fullmatch(asked.sha256):
            raise UsageError(
                f"--sha256 {asked.sha256!r} is no SHA-256 digest.",
                hint="It has 64 hexadecimal digits.",
            )
        project, version = _release(asked.artifact)
        sha256 = asked.sha256.lower()
    else:
        project, version, sha256 = _inspected_release(asked.artifact, options, surroundings)
    return AllowEntry(
        project=project,
        specifier=SpecifierSet(f"=={version}"),
        sha256=sha256,
        reason=escaped(asked.reason),
        expires=asked.expires,
    )


def _release(text: str) -> tuple[NormalizedName, Version]:
    name, _, version = text.partition("==")
    try:
        return canonicalize_name(name, validate=True), Version(version)
    except (InvalidName, InvalidVersion) as error:
        raise UsageError(
            f"{text!r} is no release.", hint="With --sha256, write it as name==version."
        ) from error


def _inspected_release(
    artifact: str, options: Options, surroundings: Surroundings
) -> tuple[NormalizedName, Version, str]:
    """Name, version and digest of a file or folder, as the scanner sees them."""
    from safe_pip.cli.head_start import HeadStart
    from safe_pip.cli.parts import prepared
    from safe_pip.cli.scanning import inspect_paths

    policy = surroundings.load_policy(options.policy).policy
    with HeadStart(has_copies=False) as head_start, prepared(head_start, worker_count=1) as parts:
        (entry,) = inspect_paths([artifact], policy=policy, parts=parts, surroundings=surroundings)
    verdict = entry.decision.verdict
    if not verdict.sha256:
        assert verdict.unscannable is not None
        raise UsageError(
            f"{artifact!r} cannot be allowed: {verdict.unscannable.detail}.",
            hint="Name a file or folder, or a release as name==version with --sha256.",
        )
    if verdict.project is None or verdict.version is None:
        raise UsageError(
            f"{artifact!r} does not tell its name and version.",
            hint="Name the release as name==version, with --sha256.",
        )
    project, version = _release(f"{verdict.project}=={verdict.version}")
    return project, version, verdict.sha256


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no date such as 2030-01-31") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="safe-pip policy",
        description="What may pass. docs/policy.md explains every key.",
        allow_abbrev=False,
    )
    verbs = parser.add_subparsers(
        dest="verb", required=True, metavar="show|check|schema|init|trust|allow"
    )
    verbs.add_parser("show", help="the policy in force, and where each value came from")
    check = verbs.add_parser("check", help="whether a file is a valid policy")
    check.add_argument(
        "file", type=Path, nargs="?", metavar="FILE", help="default: every file that counts here"
    )
    verbs.add_parser("schema", help="print the JSON Schema of policy files, for editors")
    verbs.add_parser("init", help=f"write a {OWN_FILE} to begin with")
    trust = verbs.add_parser("trust", help="let the project's policy loosen, as it is now")
    trust.add_argument("file", type=Path, nargs="?", metavar="FILE")
    allow = verbs.add_parser("allow", help="let one reviewed artifact pass from now on")
    allow.add_argument(
        "artifact", metavar="ARTIFACT", help="a file or folder, or name==version with --sha256"
    )
    allow.add_argument("--sha256", metavar="DIGEST", help="of the file that was reviewed")
    allow.add_argument("--reason", required=True, metavar="TEXT", help="who read it, and when")
    allow.add_argument("--expires", type=_day, metavar="DATE", help="as 2030-01-31")
    allow.add_argument(
        "--project",
        action="store_true",
        help="write it into the project's policy instead of the user's",
    )
    return parser
