"""Does safe-pip leave exactly what pip leaves, and at what cost?

    python -m benchmarks.same_as_pip [CASE ...]

Each case is installed by plain pip and by ``safe-pip`` into two fresh virtual environments that
hold the same pip, through the index that pip is configured for. Printed: the differences between
the two trees (outside compiled files), both exit codes, and the ratio of the wall times, taken
side by side after one run that fills pip's caches. Exits 1 if any case differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SIXTY = """
requests flask httpx rich click jinja2 attrs pydantic fastapi uvicorn pytest tox black isort mypy
numpy pandas sqlalchemy alembic celery redis boto3 pyyaml toml tqdm loguru structlog typer
beautifulsoup4 lxml pillow cryptography pyjwt paramiko aiohttp websockets tornado gunicorn
marshmallow jsonschema python-dateutil pytz tzlocal arrow humanize tabulate colorama prompt-toolkit
pygments docutils sphinx markdown mistune networkx sympy psutil watchdog coverage hypothesis faker
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What to install; ``{work}`` in an argument is the case's own folder."""

    name: str
    arguments: tuple[str, ...]
    says: str


CASES = (
    Case(name="small", arguments=("requests", "flask"), says="two projects with dependencies"),
    Case(name="sixty", arguments=("-r", "{work}/sixty.txt"), says="a requirements file of 60"),
    Case(
        name="sdist",
        arguments=("--no-binary", "docopt", "docopt"),
        says="a project that has only an sdist, with build requirements",
    ),
    Case(
        name="nested",
        arguments=("--no-binary", "typing-extensions,flit-core", "typing-extensions"),
        says="an sdist whose build requirement is built from an sdist",
    ),
    Case(name="editable", arguments=("-e", "{work}/project"), says="an editable project"),
    Case(name="vcs", arguments=("git+file://{work}/project",), says="a git URL"),
)


def make_project(folder: Path) -> None:
    (folder / "src" / "canary_project").mkdir(parents=True)
    (folder / "src" / "canary_project" / "__init__.py").write_text("ANSWER = 42\n")
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools>=61"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "canary-project"\nversion = "1.0"\n'
    )
    git = ("git", "-c", "user.name=n", "-c", "user.email=e@example.org")
    for command in (("init", "-q"), ("add", "."), ("commit", "-qm", "first")):
        subprocess.run([*git, *command], cwd=folder, check=True)


def make_environment(folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "virtualenv", "-q", folder], check=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "-U", "pip"], check=True)
    return folder


def tree(environment: Path) -> dict[str, str]:
    """Digest of each installed file, by path, with the environment's own path taken out."""
    site = next((environment / "lib").glob("python*/site-packages"))
    found = {}
    for base in (site, environment / "bin"):
        for file in base.rglob("*"):
            if not file.is_file() or file.suffix == ".pyc":
                continue
            data = file.read_bytes().replace(str(environment).encode(), b"ENV")
            if file.name == "RECORD":
                data = re.sub(rb"[^\n]*\.pyc,[^\n]*\n", b"", data)
                # Scripts hold the environment's path, so their digests differ between the two.
                data = re.sub(rb"(\.\./bin/[^,]*),[^\n]*\n", rb"\1\n", data)
            if file.name == "direct_url.json":
                data = json.dumps(json.loads(data), sort_keys=True).encode()
            found[str(file.relative_to(environment))] = hashlib.sha256(data).hexdigest()
    return found


def install(command: Sequence[str | Path], environment: Path) -> tuple[int, float]:
    inherited = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    started = time.perf_counter()
    done = subprocess.run(
        [*command],
        env={**inherited, "VIRTUAL_ENV": str(environment)},
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        print(done.stdout[-2000:], done.stderr[-4000:], sep="\n", file=sys.stderr)
    return done.returncode, seconds


def measure(case: Case) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder).resolve()
        make_project(work / "project")
        (work / "sixty.txt").write_text("\n".join(SIXTY.split()))
        arguments = [argument.format(work=work) for argument in case.arguments]
        # Of one name, because activation scripts hold it.
        warm, plain, safe = (make_environment(work / of / "env") for of in ("w", "plain", "safe"))
        pip = ("-m", "pip", "install", "-q", *arguments)
        install([warm / "bin" / "python", *pip], warm)
        plain_code, plain_seconds = install([plain / "bin" / "python", *pip], plain)
        guard = [sys.executable, "-m", "safe_pip", "install", "-q"]
        safe_code, safe_seconds = install([*guard, *arguments], safe)
        before, after = tree(plain), tree(safe)
    differing = sorted(
        path for path in before.keys() | after.keys() if before.get(path) != after.get(path)
    )
    is_same = not differing and plain_code == safe_code == 0
    print(
        f"{case.name:10} {'same' if is_same else 'DIFFERS':8} {len(before):6} files  "
        f"exit {plain_code}/{safe_code}  wall {plain_seconds:6.1f} s / {safe_seconds:6.1f} s "
        f"= x{safe_seconds / plain_seconds:.2f}  {case.says}",
        flush=True,
    )
    for path in differing[:10]:
        print(f"    {path}")
    return is_same


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="by name; all when left out")
    chosen = parser.parse_args().cases
    unknown = set(chosen) - {case.name for case in CASES}
    if unknown:
        names = ", ".join(case.name for case in CASES)
        parser.error(f"no case {sorted(unknown)[0]!r}; there are {names}")
    results = [measure(case) for case in CASES if not chosen or case.name in chosen]
    return 0 if all(results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
