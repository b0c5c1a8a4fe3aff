"""Repositories inside of a source: git and Mercurial run commands that their settings name, and a
build that asks them for a version starts them where those lie.

A clone brings no settings along, so that whoever ships a repository ships them on purpose. What a
clone writes by itself is allowed, and nothing else. In a person's own working tree, what lies in
the folders of version control is the person's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set

from safe_pip.archive.contents import MAX_ANOMALIES_OF_A_KIND
from safe_pip.distribution import Distribution, DistributionKind, SourceFile
from safe_pip.errors import UnscannableError

_MAX_BYTES = 1 << 20
_SECTION = re.compile(r'\[\s*([\w.-]+)(?:\s+"(?:[^"\\\n]|\\.)*")?\s*\](.*)')
_KEY = re.compile(r"([A-Za-z][\w-]*)\s*(?:=.*)?")
# Settings of git that start nothing: all that init and clone write, and what servers for tests add.
_HARMLESS = {
    "branch": frozenset({"remote", "merge", "rebase"}),
    "core": frozenset(
        """autocrlf bare eol filemode hidedotfiles ignorecase logallrefupdates precomposeunicode
        repositoryformatversion symlinks""".split()  # noqa: SIM905
    ),
    "extensions": frozenset({"objectformat", "partialclone", "refstorage"}),
    "gc": frozenset({"auto"}),
    "http": frozenset({"extraheader"}),
    "receive": frozenset({"denycurrentbranch"}),
    "remote": frozenset({"fetch", "promisor", "pushurl", "tagopt", "url"}),
    "submodule": frozenset({"active", "url"}),
    "uploadpack": frozenset({"allowanysha1inwant", "allowfilter"}),
    "user": frozenset({"email", "name"}),
}
_MERCURIAL_SETTINGS = ("hgrc", "hgrc-not-shared")
# Files by which a repository has its settings in another folder, whatever that is called.
_GIT_ELSEWHERE, _MERCURIAL_ELSEWHERE = "commondir", "sharedpath"
_LINKS = ("link-member", "link-outside-root")


def refuse_repository_commands(distribution: Distribution, *, is_own_tree: bool = False) -> None:
    """Raises UnscannableError for settings or hooks of a repository that could run something."""
    if distribution.kind is DistributionKind.WHEEL:
        return
    links = [found.path for found in distribution.anomalies if found.kind in _LINKS]
    heads = sum(path.rpartition("/")[2].casefold() == "head" for path in links)
    # Some file systems make no difference between upper and lower case.
    paths = {path.casefold() for path in (*distribution.by_path, *links)}
    names = {path.rpartition("/")[2] for path in paths}
    is_git_anywhere = _GIT_ELSEWHERE in names or heads >= MAX_ANOMALIES_OF_A_KIND
    is_mercurial_anywhere = _MERCURIAL_ELSEWHERE in names
    for file in distribution.files:
        folder, _, name = file.path.casefold().rpartition("/")
        if is_own_tree and not {".git", ".hg"}.isdisjoint(folder.split("/")):
            continue
        above, _, last = folder.rpartition("/")
        if name == "config" and (is_git_anywhere or _is_git_folder(folder, paths)):
            _check(file, _git_settings(_text(file)), "git")
        elif name in _MERCURIAL_SETTINGS and (is_mercurial_anywhere or last.endswith(".hg")):
            _check(file, _foreign_to_mercurial(_text(file)), "hg")
        elif (
            last == "hooks"
            and not name.endswith(".sample")
            and (is_git_anywhere or _is_git_folder(above, paths))
        ):
            raise _refusal(file, "is a hook of git")


def _is_git_folder(folder: str, paths: Set[str]) -> bool:
    """git asks for a HEAD, which may be a link to nothing."""
    return folder.endswith(".git") or f"{folder}/head".lstrip("/") in paths


def _check(file: SourceFile, settings: Iterator[str], program: str) -> None:
    for setting in settings:
        raise _refusal(file, f"sets {setting[:60]!a} of {program}")


def _text(file: SourceFile) -> str:
    if file.size > _MAX_BYTES:
        raise _refusal(file, "is too large")
    return file.read().decode("utf-8", "replace")


def _git_settings(text: str) -> Iterator[str]:
    """Those that are not known to be harmless, and lines that are none."""
    known: frozenset[str] = frozenset()
    # To git, nothing but a line feed ends a line.
    for line in map(str.strip, text.split("\n")):
        rest = line
        if match := _SECTION.fullmatch(line):
            known, rest = _HARMLESS.get(match[1].lower(), frozenset()), match[2].strip()
        if not rest or rest.startswith(("#", ";")):
            continue
        key = _KEY.fullmatch(rest)
        # A line that ends like this goes on in the next.
        if key is None or key[1].lower() not in known or rest.endswith("\\"):
            yield rest


def _foreign_to_mercurial(text: str) -> Iterator[str]:
    """Everything but the place that it was cloned from."""
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("%"):
            yield line  # Another file is part of it, in whatever section.
        elif line.startswith("["):
            section = line.strip("[] \t")
        elif line and not line.startswith(("#", ";")) and section != "paths":
            yield line


def _refusal(file: SourceFile, what: str) -> UnscannableError:
    return UnscannableError(
        f"{file.path!a} {what}, which a build could start", reason="repository-commands"
    )
