"""Reads a source tree: a local or editable directory, a VCS checkout, an unpacked sdist."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from safe_pip.archive.bytecode import is_hash_based
from safe_pip.archive.contents import Contents, joined
from safe_pip.archive.limits import Meter
from safe_pip.archive.links import Link, add_links
from safe_pip.archive.member_names import parse_member_name
from safe_pip.archive.virtual_environments import VirtualEnvironments
from safe_pip.archive.zip_ends import END_SIGNATURE, TAIL_BYTES, ZipEndWatch
from safe_pip.distribution import CHUNK_BYTES, PREFIX_BYTES, SourceFile
from safe_pip.errors import UnscannableError

_VCS_FOLDERS = frozenset({".git", ".hg", ".svn"})
# What Python or a build would run from a file behind a link, or in a folder of version control.
_CODE_SUFFIXES = (".py", ".pyw", ".pyc", ".pth", ".pyd", ".so", ".toml", ".cfg")
# Mercurial's settings, which can name commands, and the file that says where more of them are;
# git's are a clone's own, but in another's checkout.
_SETTINGS = ("hgrc", "hgrc-not-shared", "sharedpath")
_PYC_HEAD_BYTES = 8
_MAX_ENTRIES_BEHIND_LINK = 20_000


def read_directory(root: Path, meter: Meter, *, is_own_tree: bool) -> Contents:
    """The files below a folder.

    Of the folders of version control only what Python could import is read, or what could name
    commands: a repository can hold such a folder of another system. In a person's own working tree
    (``is_own_tree``) so it is with virtual environments that the build does not name. What is
    installed in these is left out whole, and so are the caches of compiled modules that Python
    checks against their source.

    Raises UnscannableError for a link to code outside of the root, which a build would run.
    """
    contents = Contents()
    walk = _Walk(root=root.resolve(), meter=meter, contents=contents, is_own_tree=is_own_tree)
    walk.read_folder(walk.root)
    add_links(contents, walk.links, meter)
    return contents


def tree_sha256(contents: Contents) -> str:
    """The digest of the sorted list of paths and content digests."""
    digest = hashlib.sha256()
    for path in sorted(contents.files):
        content = contents.sha256_by_path.get(path)
        if content is None:
            content = hashlib.sha256(contents.files[path].read()).digest()
        digest.update(f"{path}\0{content.hex()}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


class _Walk:
    def __init__(self, *, root: Path, meter: Meter, contents: Contents, is_own_tree: bool) -> None:
        self.root = root
        self.links: list[Link] = []
        self._meter = meter
        self._contents = contents
        self._is_own_tree = is_own_tree
        self._is_of_another_system = any((root / name).exists() for name in (".hg", ".svn", ".bzr"))
        self._environments = VirtualEnvironments(root) if is_own_tree else None

    def read_folder(self, top: Path) -> None:
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            is_vcs = not _VCS_FOLDERS.isdisjoint(folder.relative_to(top).parts)
            is_environment = self._is_of_environment(folder)
            with os.scandir(folder) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    if entry.is_dir(follow_symlinks=False):
                        if not self._is_left_out(Path(entry.path)):
                            waiting.append(Path(entry.path))
                    elif is_environment and not self._is_read_there(Path(entry.path)):
                        continue
                    elif not is_vcs or entry.is_symlink() or self._is_read(Path(entry.path)):
                        self._add(entry)

    def _is_read(self, file: Path) -> bool:
        """Of a file of version control: what Python could import, and what could name commands."""
        if _is_code(file.name):
            return True
        parts = file.relative_to(self.root).parts
        # A person's own git has objects in thousands; a back end in there is refused unread.
        if not (self._is_own_tree and ".git" in parts) and _ends_as_zip(file):
            return True  # Python imports from it, wherever it lies.
        if self._is_own_tree:
            return False
        is_own_clone = parts[0] == ".git" and not self._is_of_another_system
        return file.name in _SETTINGS or (".git" in parts and not is_own_clone)

    def _is_of_environment(self, path: Path) -> bool:
        return self._environments is not None and self._environments.around(path) is not None

    def _is_read_there(self, path: Path) -> bool:
        """Of a virtual environment: what an import statement could reach."""
        if self._environments is None or self._environments.is_own(path):
            return False
        if _is_code(path.name):
            return True
        if path.is_symlink():
            return _holds_code(path, path.resolve())
        return not self._environments.is_among_programs(path) and _ends_as_zip(path)

    def _add(self, entry: os.DirEntry[str]) -> None:
        if entry.is_symlink():
            self._add_link(Path(entry.path))
        elif entry.is_file(follow_symlinks=False):
            self._add_file(Path(entry.path))
        else:
            path = self._relative(Path(entry.path))
            self._contents.note("device-member", path, "is a device, socket or pipe")

    def _relative(self, path: Path) -> str:
        """The path under the name that it has: what other systems read in that is an anomaly."""
        given = path.relative_to(self.root).as_posix()
        self._contents.note_all(parse_member_name(given, self._meter.limits).anomalies)
        return given.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

    def _is_left_out(self, folder: Path) -> bool:
        return self._environments is not None and self._environments.leaves_out(folder)

    def _add_file(self, path: Path) -> None:
        if self._is_own_tree and _is_checked_cache(path):
            return
        self._meter.count_member()
        relative = self._relative(path)
        status = path.stat(follow_symlinks=False)
        self._meter.check_declared_size(relative, status.st_size)
        digest, watch = hashlib.sha256(), ZipEndWatch()
        prefix = b""
        for piece in _read(path):
            prefix = prefix or piece[:PREFIX_BYTES]
            self._meter.spend(len(piece))
            digest.update(piece)
            watch.see(piece)
        self._contents.add(
            SourceFile(
                path=relative,
                size=status.st_size,
                is_executable=bool(status.st_mode & 0o111),
                load=partial(self._load, path, relative, status.st_size),
                stream=partial(_read, path),
                prefix=prefix,
                has_zip_end=watch.has_zip_end,
            )
        )
        self._contents.sha256_by_path[relative] = digest.digest()

    def _load(self, path: Path, relative: str, size: int) -> bytes:
        return joined(_read(path), path=relative, size=size, limits=self._meter.limits)

    def _add_link(self, path: Path) -> None:
        self._meter.count_member()
        relative = self._relative(path)
        target = path.resolve()
        is_inside = target.is_relative_to(self.root) and not self._is_hidden(target)
        if is_inside:
            inside = target.relative_to(self.root).as_posix()
            if parse_member_name(inside, self._meter.limits).anomalies:
                raise UnscannableError(
                    f"{relative!a} links to {inside!a}, which is not a path everywhere",
                    reason="ambiguous-member",
                )
            self.links.append(Link(path=relative, target=inside, is_hard=True))
            return
        if target.exists() and _holds_code(path, target):
            raise UnscannableError(
                f"{relative!a} links to code outside of the tree", reason="link-outside-root"
            )
        self._contents.note(
            "link-outside-root", relative, f"links to {str(path.readlink())!a}, outside of the tree"
        )

    def _is_hidden(self, target: Path) -> bool:
        """Whether a link leads to what was left out, or may have been."""
        below = target.relative_to(self.root)
        if not _VCS_FOLDERS.isdisjoint(below.parts):
            return True
        if self._environments is None:
            return False
        folders = (self.root / part for part in (below, *below.parents))
        if any(map(self._environments.is_beyond_import, folders)):
            return True
        return target.is_file() and self._is_of_environment(target) and not _is_code(target.name)


def _read(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while piece := file.read(CHUNK_BYTES):
                yield piece
    except OSError as error:
        raise UnscannableError(f"{path}: {error.strerror}", reason="unreadable") from error


def _is_checked_cache(path: Path) -> bool:
    """Whether this is a compiled module that Python runs only if it fits its source: under a name
    with a dot in its stem, which no import asks for as a module."""
    is_cache = path.suffix == ".pyc" and path.parent.name == "__pycache__"
    if not is_cache or "." not in path.stem:
        return False
    head, watch = b"", ZipEndWatch()
    for piece in _read(path):
        head = head or piece[:_PYC_HEAD_BYTES]
        watch.see(piece)
    # Python imports modules from a zip whatever stands before it.
    is_module = len(head) == _PYC_HEAD_BYTES and not watch.has_zip_end
    return is_module and not is_hash_based(head)


def _ends_as_zip(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - TAIL_BYTES, 0))
        return END_SIGNATURE in file.read(TAIL_BYTES)


def _is_code(name: str) -> bool:
    return name.lower().endswith(_CODE_SUFFIXES)


def _holds_code(link: Path, target: Path) -> bool:
    if not target.is_dir():
        return _is_code(link.name) or _is_code(target.name)
    for count, path in enumerate(target.rglob("*")):
        if count >= _MAX_ENTRIES_BEHIND_LINK or path.name.endswith(_CODE_SUFFIXES[:6]):
            return True
    return False
