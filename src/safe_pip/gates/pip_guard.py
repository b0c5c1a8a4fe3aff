"""The guard: what has been allowed in this pip, and the way to ask for more.

Child side: standard library only, Python 3.8 and newer.
"""

# pip's paths are text, and so are ours on its side.
# ruff: noqa: PTH100, PTH119
from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from .pip_bytecode import FreshBytecode
from .pip_files import digest, digests, identity, possible_formats, real, remove_built_wheel
from .pip_line import EXIT_GATE_FAILED, REQUIRED_BY_VARIABLE, Line, Lost
from .pip_requirements import (
    ancestors,
    describe,
    is_wheel,
    link_origin,
    names_option,
    origin_of,
    requested_in,
    source_link,
    without_git_templates,
)
from .pip_signals import MAX_TEXT_CHARS, Signals, sha256
from .pip_tripwire import Tripwire

EXIT_UNSUPPORTED_PIP = 45
# pip goes on with another version: what it drops is not needed.
SWALLOWED_BY_THE_RESOLVER = frozenset(["MetadataInconsistent", "MetadataInvalid"])


class Allowed(NamedTuple):
    """Bytes that the parent said yes to; ``identity`` is None for a folder."""

    sha256: str
    identity: list[int] | None


class Guard:
    """What has been allowed in this process, and the way to ask for more."""

    def __init__(
        self,
        line: Line,
        tripwire: Tripwire,
        blocked: type[Exception],
        required_by: Sequence[str],
    ) -> None:
        self._line = line
        self._tripwire = tripwire
        self._blocked = blocked
        self._outer = tuple(required_by)
        self._building: list[str] = []
        self._allowed: dict[str, Allowed] = {}
        self._archive_of_folder: dict[str, str] = {}
        self._current: Any = None
        self._no: str | None = None
        self._bytecode = FreshBytecode()
        self.drawing_depth = 0
        self.signals = Signals()

    # What pip is doing

    @contextlib.contextmanager
    def preparing(self, req: Any) -> Iterator[None]:
        if names_option(req):
            self.refuse(f"The URL of {describe(req)} has an option of its version control in it.")
        before, self._current = self._current, req
        try:
            with without_git_templates(req):
                yield
        finally:
            self._current = before

    @contextlib.contextmanager
    def building(self, req: Any) -> Iterator[None]:
        """While ``req`` is built, or what it is built in: nested pips are told what for."""
        self._building.append(describe(req))
        before = os.environ.get(REQUIRED_BY_VARIABLE)
        os.environ[REQUIRED_BY_VARIABLE] = json.dumps([*self._outer, *self._building])
        try:
            with self._bytecode.instead_of(req.source_dir):
                yield
        finally:
            self._building.pop()
            if before is None:
                os.environ.pop(REQUIRED_BY_VARIABLE, None)
            else:
                os.environ[REQUIRED_BY_VARIABLE] = before

    # The checkpoints

    def expected(self, link: Any) -> None:
        """What pip is about to fetch, if the index tells its digest: nothing is waited for."""
        digest_of_file = sha256(link) if link is not None else None
        if digest_of_file is not None:
            filename = link.filename[:MAX_TEXT_CHARS]
            self._send("expect", filename=filename, sha256=digest_of_file[:MAX_TEXT_CHARS])

    def downloaded(self, link: Any, path: str) -> None:
        """A head start: nobody waits for it."""
        if not path.endswith(".metadata"):  # PEP 658
            self._check([self._item("file", path, link_origin(link), link)])

    def before_unpacking(self, path: str, folder: str, content_type: str | None) -> None:
        formats = possible_formats(path, content_type)
        if len(formats) > 1:
            name = os.path.basename(path)
            self.refuse(f"{name} can be read both as a zip and as a tar archive.")
        req = self._current
        link = req.link if req is not None else None
        item = self._item("file", path, self._origin(req) if req is not None else "FILE", link, req)
        self._need([item])
        self._archive_of_folder[real(folder)] = self._allowed[real(path)].sha256

    def before_metadata(self, req: Any) -> None:
        """A wheel is inspected from here on and judged with its whole set. Of everything else
        the next thing pip does is to run it, so it is judged now."""
        self._force_pep517(req)
        if is_wheel(req):
            item = self._wheel_item(req)
            # pip lock has no later point, and pip 26.3 offers none.
            if "pip._internal.commands.lock" in sys.modules:
                self._need([item])
            else:
                self._check([item])
            return
        if not req.source_dir:
            self.refuse(f"{describe(req)} has no source folder that could be inspected.")
        folders = [req.source_dir]
        if real(req.unpacked_source_directory) != real(req.source_dir):
            # A project in a subfolder: its build can reach all the rest as well.
            folders.append(req.unpacked_source_directory)
        if any(real(folder) != real(os.path.abspath(folder)) for folder in folders):
            # Of "link/../project", pip takes the settings from one place and the code from another.
            self.refuse(f"The folder of {describe(req)} is not where its name says.")
        archive = self._archive_of_folder.get(real(req.source_dir))
        origin = self._origin(req)
        self._need(
            [self._item("folder", folder, origin, req.link, req, archive) for folder in folders]
        )
        self._tripwire.approved_folders.update(real(folder) for folder in folders)

    def metadata_failed(self, req: Any, error: Exception) -> None:
        """pip ends with what it cannot read. Where we cannot either, that is ours to say: the
        exit code tells "was not inspected" from "pip failed"."""
        if is_wheel(req) and type(error).__name__ not in SWALLOWED_BY_THE_RESOLVER:
            self._need([self._wheel_item(req)])

    def before_build(self, req: Any) -> None:
        if real(req.source_dir or "") not in self._allowed:
            self.refuse(f"The source of {describe(req)} was never inspected.")

    def built(self, req: Any, path: str) -> None:
        """A wheel that a build left, already in pip's cache."""
        folder = real(req.source_dir)
        parent = self._archive_of_folder.get(folder) or self._allowed[folder].sha256
        try:
            self._need([self._item("file", path, "BUILT", req.link, req, parent)])
        except BaseException:  # Ctrl-C as well: nobody has ruled about it
            remove_built_wheel(path)
            raise

    def before_nested_pip(self, folder: str, as_made: Mapping[str, str]) -> None:
        """An allowed build runs as the same user: it could have changed what guards the next."""
        if digests(folder) != as_made:
            self.refuse("The files that guard pip were changed.")

    def barrier(self, reqs: Iterable[Any]) -> None:
        """All wheels of a set at once, before the first is installed or saved."""
        items = []
        for req in reqs:
            if not is_wheel(req):
                self.refuse(f"{describe(req)} would be installed by its own code.")
            if not self._is_same(req.local_file_path):
                items.append(self._wheel_item(req))
        self._need(items)

    def plan(self, reqs: Iterable[Any], prefix: str | None) -> None:
        wheels = [os.path.basename(req.local_file_path or "") for req in reqs]
        self._send("plan", wheels=wheels, prefix=prefix)

    def last_look(self, path: str | None, *, is_shared: bool = False) -> None:
        """The bytes about to be used are those that were allowed. Who had mapped a file into memory
        before it was inspected can change it without changing its times. So of a file that pip did
        not put into a folder of its own, the digest alone says so; and of every file, once a build
        ran, which may have left a process behind."""
        if self._no is not None:
            self.block(self._no)
        if path is None or real(path) not in self._allowed:
            self.refuse(f"{os.path.basename(path or 'an artifact')} was never inspected.")
        has_built = bool(self._tripwire.approved_folders or self._outer)
        if not self._is_same(path, is_shared=is_shared or has_built):
            self.refuse(f"{os.path.basename(path)} changed after it was inspected.")

    def block(self, reason: str) -> NoReturn:
        """For good: nothing else gets through afterwards."""
        if self._no is None:
            self._no = reason
        raise self._blocked(self._no)

    def refuse(self, reason: str, *, exit_code: int = EXIT_GATE_FAILED) -> NoReturn:
        """As ``block``, for what the parent cannot know; it ends with that exit code."""
        self._send("refuse", reason=reason, exit_code=exit_code)
        self.block(reason)

    def _force_pep517(self, req: Any) -> None:
        """pip before 25.3 can run setup.py itself, and setuptools then starts another pip."""
        if hasattr(req, "use_pep517"):
            if req.use_pep517 is False:
                self.refuse(
                    "--no-use-pep517 runs builds that cannot be guarded.",
                    exit_code=EXIT_UNSUPPORTED_PIP,
                )
            req.use_pep517 = True

    # Talking to the parent

    def _check(self, items: list[dict[str, Any]]) -> None:
        self._send("check", items=items)

    def _send(self, kind: str, **fields: Any) -> None:
        if self._no is not None:
            raise self._blocked(self._no)
        try:
            self._line.tell(kind, **fields)
        except Lost as lost:
            self.block(f"{lost}, so nothing more is allowed.")

    def _need(self, items: list[dict[str, Any]]) -> None:
        if self._no is not None:
            raise self._blocked(self._no)
        try:
            answer = self._line.ask(
                "need", has_time_limit=False, items=items, is_drawing=self.drawing_depth > 0
            )
            if "refusal" in answer:
                self.block(str(answer["refusal"]))
            answers = answer["answers"]
            if len(answers) != len(items):
                raise Lost("safe-pip answered something else")
            allowed = {
                real(item["path"]): Allowed(str(given["sha256"]), given["identity"])
                for item, given in zip(items, answers)  # noqa: B905 - Python 3.8
            }
        except (Lost, KeyError, TypeError) as error:
            reason = str(error) if isinstance(error, Lost) else "safe-pip gave a broken answer"
            self.block(f"{reason}, so nothing more is allowed.")
        self._allowed.update(allowed)

    def _is_same(self, path: str | None, *, is_shared: bool = False) -> bool:
        """Whether a file is one that was allowed; its digest decides where its status cannot."""
        allowed = self._allowed.get(real(path)) if path is not None else None
        if path is None or allowed is None:
            return False
        try:
            if not is_shared and identity(path) == allowed.identity:
                return True
            return digest(path) == allowed.sha256
        except OSError:
            return False

    def _wheel_item(self, req: Any) -> dict[str, Any]:
        path = req.local_file_path
        if path is None or not os.path.basename(path).endswith(".whl"):
            # Another reader, which goes by the name, would not take it for a wheel.
            self.refuse(
                f"{describe(req)} is a wheel in a file of another name: "
                f"{os.path.basename(path or 'none')}."
            )
        return self._item("file", path, self._origin(req), source_link(req), req)

    def _origin(self, req: Any) -> str:
        return origin_of(req, is_build_requirement=self._is_for_a_build)

    @property
    def _is_for_a_build(self) -> bool:
        return bool(self._outer or self._building)

    def _item(
        self,
        kind: str,
        path: str,
        origin: str,
        link: Any,
        req: Any = None,
        parent_sha256: str | None = None,
    ) -> dict[str, Any]:
        origin_line = None if self._is_for_a_build else requested_in(req)
        chain = (*self._outer, *self._building, *ancestors(req))
        return {
            "kind": kind,
            "path": os.path.abspath(path),
            "origin": origin,
            "url": link.url[:MAX_TEXT_CHARS] if link is not None else None,
            "project": req.name[:MAX_TEXT_CHARS] if req is not None and req.name else None,
            "requested_in": origin_line[:MAX_TEXT_CHARS] if origin_line else None,
            "required_by": [text[:MAX_TEXT_CHARS] for text in chain],
            "is_build_requirement": self._is_for_a_build,
            "parent_sha256": parent_sha256,
            **self.signals.about(link),
        }
