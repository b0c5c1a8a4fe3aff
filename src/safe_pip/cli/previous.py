"""Previous releases: what a scanned path, or a wheel that replaces an installed one, follows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from packaging.utils import NormalizedName

from safe_pip.artifact import Artifact, OriginKind
from safe_pip.errors import UsageError
from safe_pip.inspection.inspector import Inspected, Inspecting
from safe_pip.inspection.unscannable import claimed_names
from safe_pip.verdict import Verdict


def origin_of_path(path: str) -> OriginKind:
    """A line of an audit names the metadata of an installed copy, and so may its reader."""
    is_installed = Path(path).suffix == ".dist-info" and (Path(path) / "RECORD").is_file()
    return OriginKind.INSTALLED if is_installed else OriginKind.SCANNED


def previous_releases(paths: Sequence[str], given: Sequence[Path]) -> Mapping[str, Artifact]:
    """Which of the given releases each path is compared with: one of its name; a single one goes
    with a single path whatever its name. Raises UsageError for one that goes with none."""
    artifacts = [Artifact(path=path.absolute(), origin=origin_of_path(str(path))) for path in given]
    for artifact in artifacts:
        if not artifact.path.exists():
            raise UsageError(
                f"--previous: there is no {artifact.path}.",
                hint="Give an archive, a folder, or the .dist-info of an installed copy.",
            )
    if len(paths) == 1 and len(artifacts) == 1:
        return {paths[0]: artifacts[0]}
    found: dict[str, Artifact] = {}
    for artifact in artifacts:
        project = claimed_names(artifact.path.name).project
        mine = [path for path in paths if project is not None and _project(path) == project]
        if not mine:
            raise UsageError(
                f"--previous: none of the paths is a release of what {artifact.path.name} is.",
                hint="Scan them one at a time, each with its own --previous.",
            )
        found |= dict.fromkeys(mine, artifact)
    return found


def _project(path: str) -> NormalizedName | None:
    return claimed_names(Path(path).absolute().name).project


class WithInstalledCopies:
    """Inspects wheels beside the installed copy of another version, where there is one.

    An installed copy lacks what only a source has, so sources are left to be judged alone; the
    wheel that is built from one comes here again.
    """

    def __init__(
        self, inspector: Inspecting, *, find_folders: Callable[[], Sequence[Path]]
    ) -> None:
        self._inspector = inspector
        self._find_folders = find_folders
        self._lock = threading.Lock()
        self._has_begun = False
        self._folders = find_folders()
        self._copies = _finding_copies(self._folders)

    def advised(self, verdict: Verdict, wanted: NormalizedName | None) -> Verdict:
        return self._inspector.advised(verdict, wanted)

    def begin(self, artifact: Artifact) -> Future[Inspected]:
        copies = self._settled_copies()
        names = claimed_names(artifact.path.name)
        if names.kind == "wheel" and names.project is not None:
            copy = copies.result().get(names.project)
            if copy is not None and claimed_names(copy.name).version != names.version:
                previous = Artifact(path=copy, origin=OriginKind.INSTALLED)
                artifact = replace(artifact, previous=previous)
        return self._inspector.begin(artifact)

    def _settled_copies(self) -> Future[Mapping[NormalizedName, Path]]:
        """Of the folders that are known when the first artifact arrives. pip may have gone on in
        another interpreter by then, for --python; later, an allowed build could name some."""
        with self._lock:
            if not self._has_begun:
                self._has_begun = True
                folders = self._find_folders()
                if folders != self._folders:
                    self._copies = _finding_copies(folders)
            return self._copies


def _finding_copies(folders: Sequence[Path]) -> Future[Mapping[NormalizedName, Path]]:
    """There may be thousands to be listed: while pip starts, nobody waits for it."""
    finding = ThreadPoolExecutor(1, thread_name_prefix="copies")
    copies = finding.submit(_copies_by_project, folders)
    finding.shutdown(wait=False)
    return copies


def _copies_by_project(folders: Iterable[Path]) -> Mapping[NormalizedName, Path]:
    """The metadata folders by project; those of the first folder that has one."""
    copies: dict[NormalizedName, Path] = {}
    for folder in folders:
        try:
            found = sorted(folder.glob("*.dist-info"))
        except OSError:
            # Without the old release the new one is judged as ever, and never milder.
            continue
        for path in found:
            project = claimed_names(path.name).project
            if project is not None:
                copies.setdefault(project, path)
    return copies
