"""Worker: a process that inspects one artifact after another and may be killed at any time."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from functools import cache
from typing import BinaryIO

from safe_pip.archive import DEFAULT_LIMITS
from safe_pip.cache.encoding import encode_verdict
from safe_pip.distribution import Distribution, DistributionKind
from safe_pip.errors import SafePipError
from safe_pip.extractors import SCHEMA, observe
from safe_pip.inspection.one_path import inspect
from safe_pip.inspection.scanner import code_digest
from safe_pip.inspection.wire import decode_artifact, encode_line
from safe_pip.scoring.change import ChangeScorer
from safe_pip.scoring.scorer import Scorer

# Far above what the largest distributions need, far below what would make a machine swap.
MAX_ADDRESS_SPACE_BYTES = 4 << 30


def main() -> None:
    """Answer each line of stdin with a line on stdout until stdin ends."""
    # Ctrl-C reaches the whole process group; safe-pip decides when its workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = _private_stdout()
    _limit_memory()
    try:
        scorer = Scorer.load(schema=SCHEMA)
        _warm_up(scorer)
    except SafePipError as error:
        answers.write(encode_line({"failed": str(error), "hint": error.hint}))
        answers.flush()
        return
    _collect_seldom()
    answers.write(encode_line({"ready": scorer.model_id}))
    answers.flush()
    code_digest()  # Reads a hundred files, while nobody waits: every verdict names it.
    for line in sys.stdin.buffer:
        verdict = inspect(
            decode_artifact(line),
            judge=scorer,
            limits=DEFAULT_LIMITS,
            change_judge=_change_scorer,
        )
        answers.write(encode_line({"verdict": encode_verdict(verdict)}))
        answers.flush()


@cache
def _change_scorer() -> ChangeScorer:
    """Read when the first artifact comes with a previous release."""
    return ChangeScorer.load(schema=SCHEMA)


def _private_stdout() -> BinaryIO:
    """The pipe to safe-pip, out of reach of a library that prints to the standard output."""
    private = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return private


def _limit_memory() -> None:
    # Windows has no such limit; there an exhausted worker takes longer to fail.
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        bounds = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_AS, (min([*bounds, MAX_ADDRESS_SPACE_BYTES]), hard))


def _collect_seldom() -> None:
    """Syntax trees are large and acyclic: looking them through for cycles at the interpreter's
    usual rate took half of the time of an inspection."""
    gc.freeze()
    gc.set_threshold(200_000, 50, 1_000)


def _warm_up(scorer: Scorer) -> None:
    """Load whatever is loaded on first use: later, pip may be replacing those very files."""
    nothing = Distribution(
        kind=DistributionKind.DIRECTORY,
        sha256="",
        filename="",
        project=None,
        version=None,
        headers={},
        description="",
        files=(),
    )
    scorer.judge(observe(nothing))


if __name__ == "__main__":
    main()
