"""A Dockerfile's steps, run one after another in a folder where there is no Docker engine.

As much of the language as our recipe uses. Every stage runs at one and the same place, as it would in
a container, and is kept elsewhere afterwards. What a step names below "/" is below that place.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

STEP_TIMEOUT_SECONDS = 200
_MOUNT = re.compile(r"--mount=type=cache,target=(/\S+)\s+")


class Build:
    """``run`` goes through the whole file. Caches outlive it, if ``folder`` is used again."""

    def __init__(
        self, text: str, *, context: Path, folder: Path, environ: Mapping[str, str]
    ) -> None:
        self.root = folder / "root"
        self.output = ""
        self._instructions = list(_instructions(text))
        self._context = context
        self._caches = folder / "caches"
        self._stages_folder = folder / "stages"
        self._first_environ = environ
        # Folders of the image that the file speaks of, by the first part of their path.
        named = " ".join(rest for _, rest in self._instructions)
        self._tops = {Path(path).parts[1] for path in re.findall(r"(?<![\w./-])/\w[\w./-]*", named)}

    def run(self, *, unchanged: str | None = None) -> None:
        """Raises CalledProcessError for a step that fails; ``output`` has what it said.

        The stage ``unchanged`` is taken as it was made before, as an engine would do.
        """
        shutil.rmtree(self.root, ignore_errors=True)
        stage = ""
        for name, rest in self._instructions:
            if name == "FROM":
                self._keep(stage)
                stage = rest.partition(" AS ")[2]
                self.root.mkdir(parents=True, exist_ok=True)
                self.environ, self._working = dict(self._first_environ), self.root
            elif stage != unchanged or unchanged is None:
                getattr(self, f"_{name.lower()}")(rest)

    def _keep(self, stage: str) -> None:
        kept = self._stages_folder / stage
        if not self.root.exists() or not any(self.root.iterdir()):
            return
        self._stages_folder.mkdir(exist_ok=True)
        if stage:
            shutil.rmtree(kept, ignore_errors=True)
            self.root.rename(kept)

    def _copy(self, rest: str) -> None:
        *sources, target = shlex.split(rest)
        came_from = self._context
        if sources[0].startswith("--from="):
            came_from = self._stages_folder / sources.pop(0).removeprefix("--from=")
        for source in sources:
            found = came_from / source.lstrip("/")
            into = Path(self._below_root(target)) if target != "./" else self._working
            if found.is_dir():
                shutil.copytree(found, into, symlinks=True, dirs_exist_ok=True)
            else:
                into = into / found.name if target.endswith("/") else into
                into.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(found, into)

    def _env(self, rest: str) -> None:
        for assignment in shlex.split(rest):
            name, _, value = assignment.partition("=")
            value = re.sub(r"\$(\w+)", lambda match: self.environ.get(match[1], ""), value)
            self.environ[name] = ":".join(self._below_root(part) for part in value.split(":"))

    def _workdir(self, rest: str) -> None:
        self._working = Path(self._below_root(rest))
        self._working.mkdir(parents=True, exist_ok=True)

    def _run(self, rest: str) -> None:
        for target in _MOUNT.findall(rest):
            cache = self._caches / target.strip("/").replace("/", "-")
            cache.mkdir(parents=True, exist_ok=True)
            Path(self._below_root(target)).symlink_to(cache)
        command = self._below_root(_MOUNT.sub("", rest))
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self._working,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=STEP_TIMEOUT_SECONDS,
        )
        self.output += done.stdout
        done.check_returncode()

    def _below_root(self, text: str) -> str:
        tops = "|".join(map(re.escape, sorted(self._tops)))
        return re.sub(rf"(?<![\w./-])/(?=(?:{tops})(?![\w-]))", f"{self.root}/", text)


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    without_comments = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    for line in re.sub(r"\\\n\s*", " ", without_comments).splitlines():
        name, _, rest = line.strip().partition(" ")
        if name:
            yield name, rest.strip()
