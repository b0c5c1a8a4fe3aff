"""Links: unpacking gives their path the content of another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from safe_pip.archive.contents import Contents
from safe_pip.archive.limits import Meter
from safe_pip.archive.member_names import collision_key, folders_of, parse_member_name, resolve_link
from safe_pip.errors import UnscannableError

# A link to a link to a link: real archives have one level, seldom two.
_MAX_ROUNDS = 8
# Each costs a pass over all paths. Real archives have a handful.
_MAX_FOLDER_LINKS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A symbolic link's ``target`` is relative to its folder; a hard link's to the root.
    ``is_respelled`` is that the archive names it otherwise."""

    path: str
    target: str
    is_hard: bool
    is_respelled: bool = False


def add_links(contents: Contents, links: Iterable[Link], meter: Meter) -> None:
    """Gives each link that stays inside the root the content that it stands for.

    So ``setup.py -> data.txt`` is inspected as the setup.py that pip will run. A link out of the
    root is noted and has no content. Raises UnscannableError for a member inside a link, for a
    link whose target depends on how a link in it is followed, and for chains without end.
    """
    # Not all of many are noted: first those by which git knows a repository (repositories.py).
    links = sorted(links, key=lambda link: link.path.rpartition("/")[2].casefold() != "head")
    if not links:
        return
    paths = {link.path for link in links}
    _check_nothing_inside([*contents.files, *paths], links)
    targets: dict[str, str] = {}
    for link in links:
        target = _target(link, meter)
        if target is None:
            detail = f"links to {link.target!a}, outside of the root"
            contents.note("link-outside-root", link.path, detail)
            continue
        contents.note("link-member", link.path, f"links to {link.target!a}")
        if link.path in contents.files or targets.setdefault(link.path, target) != target:
            raise UnscannableError(
                f"{link.path!a} is there twice, once as a link", reason="ambiguous-member"
            )
        if not link.is_hard:
            _check_one_meaning(link, paths)
    _follow(contents, targets, meter)
    _mark_respelled(contents, {link.path for link in links if link.is_respelled})


def _mark_respelled(contents: Contents, paths: set[str]) -> None:
    for path, file in contents.files.items() if paths else ():
        if not paths.isdisjoint((path, *_folders(path))):
            contents.files[path] = replace(file, is_respelled=True)


def _folders(path: str) -> Iterator[str]:
    """Those that a path lies in, the innermost first."""
    end = path.rfind("/")
    while end > 0:
        yield path[:end]
        end = path.rfind("/", 0, end)


def _follow(contents: Contents, targets: Mapping[str, str], meter: Meter) -> None:
    """Links to links, and into folders that are links, take several rounds."""
    waiting = dict(targets)
    used: dict[str, frozenset[str]] = {}
    for _ in range(_MAX_ROUNDS):
        before = len(contents.files)
        waiting = _add_file_links(contents, waiting, meter)
        _add_folder_links(contents, waiting, used, meter)
        if len(contents.files) == before:
            return
    raise UnscannableError("links that lead on and on", reason="too-many-links")


def _target(link: Link, meter: Meter) -> str | None:
    if not link.is_hard:
        return resolve_link(link.path, link.target)
    name = parse_member_name(link.target, meter.limits)
    return None if name.anomalies else name.path


def _check_nothing_inside(members: Iterable[str], links: Iterable[Link]) -> None:
    """Some file systems make no difference between ``A -> /etc`` and the ``a`` of ``a/evil``. In a
    folder, whose links come as hard ones, the two are there side by side."""
    paths = {link.path for link in links}
    keys = {collision_key(link.path) for link in links if not link.is_hard}
    looked_at: set[str] = set()
    for path in members:
        for folder in _folders(path):
            if folder in looked_at:
                break
            looked_at.add(folder)
            if folder in paths or (keys and collision_key(folder) in keys):
                raise UnscannableError(
                    f"{path!a} would be written through a link", reason="ambiguous-member"
                )


def _check_one_meaning(link: Link, links: set[str]) -> None:
    """``folder/../data`` is elsewhere than it seems where ``folder`` is a link."""
    parts = link.path.split("/")[:-1]
    for part in link.target.split("/"):
        if part == "..":
            if "/".join(parts) in links:
                raise UnscannableError(
                    f"{link.path!a} links through another link and back", reason="ambiguous-member"
                )
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)


def _add_file_links(contents: Contents, targets: Mapping[str, str], meter: Meter) -> dict[str, str]:
    """Adds the links to files, and gives those that are left: to folders, or to nothing."""
    waiting = dict(targets)
    for _ in range(_MAX_ROUNDS):
        found = [path for path, target in waiting.items() if target in contents.files]
        for path in found:
            meter.count_member()
            contents.add(replace(contents.files[waiting.pop(path)], path=path))
        if not found:
            break
    return waiting


def _add_folder_links(
    contents: Contents, targets: Mapping[str, str], used: dict[str, frozenset[str]], meter: Meter
) -> None:
    """Adds what is in the folders that links stand for. ``used`` are the links in each path so
    far: a path through one link twice shows nothing new."""
    folders = {folder for path in contents.files for folder in folders_of(path)}
    to_folders = {path: target for path, target in targets.items() if target in folders}
    if len(to_folders) > _MAX_FOLDER_LINKS:
        raise UnscannableError(f"{len(to_folders):,} links to folders", reason="too-many-links")
    for path, target in to_folders.items():
        if path.startswith(f"{target}/"):
            continue  # It stands for a folder around itself: all is there already.
        inside = [f for name, f in contents.files.items() if name.startswith(f"{target}/")]
        for file in inside:
            alias = path + file.path[len(target) :]
            links = used.get(file.path, frozenset())
            if path in links or alias in contents.files:
                continue
            meter.count_member()
            contents.add(replace(file, path=alias))
            used[alias] = links | {path}
