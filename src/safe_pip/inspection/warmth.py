"""Warmth: what would be loaded or made at the first artifact, done before there is one."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from safe_pip.distribution import Distribution, DistributionKind, SourceFile
from safe_pip.extractors import SCHEMA, observe
from safe_pip.inspection.scanner import code_digest
from safe_pip.scoring.scorer import Scorer

if TYPE_CHECKING:
    from safe_pip.scoring.change import ChangeScorer

# A little of what ordinary modules do.
_SOURCE = b"""\
import base64, os, subprocess, urllib.request

HOME = "https://example.org/files"

def fetch(name):
    with urllib.request.urlopen(f"{HOME}/{name}") as answer:
        return base64.b64decode(answer.read())

def show(name):
    subprocess.run(["ls", "-l", os.path.join("folder", name)], check=True)
"""


def load_the_rest(scorer: Scorer) -> None:
    """Whatever is loaded on first use: later, pip may be replacing those very files."""
    scorer.judge(observe(_distribution(project=None)))
    code_digest()


def warm_up(scorer: Scorer) -> None:
    """What takes its time once a process: lists, tables and patterns."""
    # A name that no popular project has, which is compared with all of them.
    scorer.judge(observe(_distribution(project="a-name-of-nobody")))
    change_scorer()


@cache
def change_scorer() -> ChangeScorer:
    """Read when the first artifact comes with a previous release. Raises ModelError."""
    from safe_pip.scoring.change import ChangeScorer

    return ChangeScorer.load(schema=SCHEMA)


def _distribution(*, project: str | None) -> Distribution:
    """Nothing, or a project with one module."""
    module = SourceFile(path="module/__init__.py", size=len(_SOURCE), load=lambda: _SOURCE)
    return Distribution(
        kind=DistributionKind.DIRECTORY,
        sha256="",
        filename="",
        project=None if project is None else canonicalize_name(project),
        version=None if project is None else "1.0",
        headers={},
        description="",
        files=() if project is None else (module,),
    )
