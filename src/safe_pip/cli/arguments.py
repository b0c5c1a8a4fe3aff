"""Arguments: ours stand before the verb; what comes after a verb of pip's is never read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safe_pip.errors import UsageError

FORMATS = ("json", "sarif", "html", "junit", "text")
OWN_VERBS = frozenset({"scan", "explain", "policy", "feed", "verdicts"})

HELP = """\
usage: safe-pip [options] <verb> [pip's arguments]

Runs pip with a gate: every artifact is inspected before any code of it can run.

verbs of pip (all of their arguments are pip's own):
  install, download, wheel, lock   guarded
  any other                        passed on to pip

verbs of safe-pip:
  scan PATH...|--installed         inspect archives, folders or an environment
  check FILE                       a record against today's policy, model and list of malware
  explain ARTIFACT                 everything that was found in one artifact, and its score
  policy show|check|init|allow|trust|schema
                                   what may pass: see it, check it, write it
  feed update|status               the list of known malware
  verdicts info|clear|export|import
                                   what is remembered of earlier inspections

options:
  --policy FILE                    a policy that counts above the user's and the project's
  --report FILE                    write the decisions to a file; .html, .sarif, .xml or .json
  --record FILE                    write what was decided to a file to commit
  --format json|sarif|html|junit|text
                                   of the report, whatever its name, or of a scan (text)
  --unattended                     never ask; the policy says what becomes of a question
  --report-only                    judge and report, block nothing but what cannot be inspected
  -q, --quiet                      only what stops an installation
  --plain                          no frames, marks or colours, for screen readers
  -v, --verbose                    also how pip was chosen, and defects in full
  --version                        this version and its model
  -h, --help                       this text

exit codes: pip's own, and 40 blocked, 41 declined, 42 could not be inspected,
43 bad policy, 44 model unusable, 45 pip that cannot be guarded
"""

_FLAGS = {
    "--unattended": "is_unattended",
    "--report-only": "is_report_only",
    "-q": "is_quiet",
    "--quiet": "is_quiet",
    "--plain": "is_plain",
    "-v": "is_verbose",
    "--verbose": "is_verbose",
    "--version": "wants_version",
    "-h": "wants_help",
    "--help": "wants_help",
}
# Those of pip that stand before its verb and look like one of ours.
_PIPS = frozenset({"--version", "--verbose", "--quiet", "--python"})
_VALUES = {"--policy": "policy", "--report": "report", "--record": "record", "--format": "format"}


@dataclass(slots=True, kw_only=True)
class Options:
    """What stands before the verb. ``format`` is None when it was not given."""

    policy: Path | None = None
    report: Path | None = None
    record: Path | None = None
    format: str | None = None
    is_unattended: bool = False
    is_report_only: bool = False
    is_quiet: bool = False
    is_plain: bool = False
    is_verbose: bool = False
    wants_version: bool = False
    wants_help: bool = False


def split_arguments(arguments: Sequence[str]) -> tuple[Options, list[str]]:
    """Our options, and the rest from the verb on (or from an option that is not ours: pip has
    some that stand before its verb). Raises UsageError."""
    options = Options()
    remaining = list(arguments)
    while remaining:
        name, has_value, value = remaining[0].partition("=")
        if name in _FLAGS and not has_value:
            setattr(options, _FLAGS[name], True)
            del remaining[0]
        elif name in _VALUES:
            if not has_value and len(remaining) < 2:
                raise UsageError(f"{name} needs a value.", hint="See safe-pip --help.")
            text = value if has_value else remaining[1]
            setattr(options, _VALUES[name], _checked(name, text))
            del remaining[: 1 if has_value else 2]
        else:
            _refuse_misspelled(name)
            break
    return options, remaining


def _refuse_misspelled(name: str) -> None:
    """What pip would call no option of its own, with the one of ours that was meant."""
    if name.startswith("--") and name not in _PIPS:
        from difflib import get_close_matches

        close = get_close_matches(name, [*_FLAGS, *_VALUES], n=1, cutoff=0.75)
        if close:
            raise UsageError(f"there is no option {name}.", hint=f"Did you mean {close[0]}?")


def _checked(name: str, text: str) -> Path | str:
    if name == "--format":
        if text not in FORMATS:
            raise UsageError(
                f"--format {text!r} does not exist.", hint=f"There are {', '.join(FORMATS)}."
            )
        return text
    if not text:
        raise UsageError(f"{name} needs the name of a file.", hint="See safe-pip --help.")
    return Path(text)
