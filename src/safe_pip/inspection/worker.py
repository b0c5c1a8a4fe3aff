"""Worker: a process that inspects one artifact after another and may be killed at any time.

Started with a socket for its standard input it inspects nothing itself: it loads everything once,
and each request on the socket gets a copy of it for a worker (``copies``).
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from safe_pip.artifact import Artifact
from safe_pip.cache.encoding import encode_verdict
from safe_pip.errors import SafePipError
from safe_pip.inspection.wire import decode_artifact, encode_line
from safe_pip.verdict import Verdict

# Far above what the largest distributions need, far below what would make a machine swap.
MAX_ADDRESS_SPACE_BYTES = 4 << 30
_TURN_SECONDS = 0.0005


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """What a worker works with, loaded. ``warm_up`` does what would else be done anew in every
    copy of the process."""

    model_id: str
    inspect: Callable[[Artifact], Verdict]
    warm_up: Callable[[], None]


def main(load: Callable[[], Scanner] | None = None) -> None:
    """Answer each line of stdin with a line on stdout until stdin ends."""
    # Ctrl-C reaches the whole process group; safe-pip decides when its workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()  # Imports leave next to nothing to collect.
    requests, answers = _private_streams()
    _limit_memory()
    is_original = stat.S_ISSOCK(os.fstat(requests.fileno()).st_mode)
    try:
        scanner = (load or load_scanner)()
        if is_original:
            scanner.warm_up()
    except SafePipError as error:
        failed: dict[str, object] = {"failed": str(error), "hint": error.hint}
        if is_original:
            _refuse_all(requests, failed)
        else:
            _answer(answers, failed)
        return
    _collect_seldom()
    if is_original:
        copy = _copied(requests)
        if copy is None:
            os._exit(0)  # Nothing is left to do, and to clear up takes as long as to inspect.
        requests, answers = copy
    _answer(answers, {"ready": scanner.model_id})
    for line in requests:
        verdict = scanner.inspect(decode_artifact(line))
        _answer(answers, {"verdict": encode_verdict(verdict)})


def _copied(requests: BinaryIO) -> tuple[BinaryIO, BinaryIO] | None:
    """In every copy of this process its own requests and answers; None in the original, at its
    end."""
    import socket

    from safe_pip.inspection.copies import become_worker

    control = socket.socket(fileno=os.dup(requests.fileno()))
    requests.close()  # Else every copy would hold the original's end of it.
    channel = become_worker(control)
    return None if channel is None else (channel.makefile("rb"), channel.makefile("wb"))


def _refuse_all(requests: BinaryIO, message: dict[str, object]) -> None:
    import socket

    from safe_pip.inspection.copies import refuse_all

    refuse_all(socket.socket(fileno=os.dup(requests.fileno())), encode_line(message))


def load_scanner() -> Scanner:
    """Everything that an inspection needs. Raises ModelError."""
    from concurrent.futures import ThreadPoolExecutor

    from safe_pip.scoring.scorer import Scorer, load_model

    # Else the thread would wait five milliseconds for every turn, while modules are imported.
    sys.setswitchinterval(_TURN_SECONDS)
    with ThreadPoolExecutor(1) as loading:
        # Most of it is not Python's, so that the extractors are imported meanwhile.
        model = loading.submit(load_model)
        from safe_pip.archive import DEFAULT_LIMITS
        from safe_pip.extractors import SCHEMA
        from safe_pip.inspection import warmth
        from safe_pip.inspection.one_path import inspect

        scorer = Scorer(model.result(), schema=SCHEMA)
    warmth.load_the_rest(scorer)

    def inspect_one(artifact: Artifact) -> Verdict:
        return inspect(
            artifact, judge=scorer, limits=DEFAULT_LIMITS, change_judge=warmth.change_scorer
        )

    return Scanner(
        model_id=scorer.model_id, inspect=inspect_one, warm_up=lambda: warmth.warm_up(scorer)
    )


def _answer(answers: BinaryIO, message: dict[str, object]) -> None:
    answers.write(encode_line(message))
    answers.flush()


def _private_streams() -> tuple[BinaryIO, BinaryIO]:
    """The pipes from and to safe-pip, out of reach of a library that reads the standard input or
    prints to the standard output."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    return requests, answers


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
    gc.enable()


if __name__ == "__main__":
    main()
