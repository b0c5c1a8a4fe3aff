"""One target for a while, in a process of its own: ``python -m tests.fuzz.engine TARGET SECONDS FOUND``.

With atheris (extra ``fuzz``) guided by coverage, else by hypothesis. FOUND is a folder for inputs
that reached new code, where a later round begins. The last line on the standard output is the
number of executions.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

MAX_INPUT_BYTES = 16_384
SLOW_SECONDS = 30
EXAMPLES = 2_000


def run_atheris(target: str, seconds: int, found: str) -> None:
    """Does not return: libFuzzer ends the process, with a status that is not 0 for a finding."""
    import atheris

    with atheris.instrument_imports(include=["safe_pip", "zipfile", "tarfile"]):
        from tests.fuzz.targets import CORPUS, TARGETS

    options = [
        f"-max_total_time={seconds}",
        f"-max_len={MAX_INPUT_BYTES}",
        f"-timeout={SLOW_SECONDS}",
        "-rss_limit_mb=3000",
        "-print_final_stats=1",
        f"-artifact_prefix={Path.cwd()}/fuzz-{target}-",
    ]
    atheris.Setup([sys.argv[0], *options, found, str(CORPUS / target)], TARGETS[target])
    atheris.Fuzz()


def run_hypothesis(target: str, seconds: int) -> int:
    """Executions. Raises what the target raises, with the shortest bytes that make it."""
    from tests.fuzz.targets import TARGETS, seeds

    originals = seeds(target)
    edits = st.lists(st.tuples(st.integers(0, MAX_INPUT_BYTES), st.binary(max_size=4)), max_size=9)
    count, round_number, deadline = 0, 0, time.monotonic() + seconds
    while time.monotonic() < deadline:
        round_number += 1

        @seed(round_number)
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.sampled_from(originals), edits, st.booleans())
        def fuzz(original: bytes, edits: list[tuple[int, bytes]], inserts: bool) -> None:
            nonlocal count
            if time.monotonic() > deadline:
                return
            count += 1
            TARGETS[target](_edited(original, edits, inserts=inserts))

        fuzz()
    return count


def _edited(original: bytes, edits: list[tuple[int, bytes]], *, inserts: bool) -> bytes:
    data = bytearray(original)
    for position, new in edits:
        start = position % (len(data) + 1)
        data[start : start + (0 if inserts else len(new))] = new
    return bytes(data)


def main() -> None:
    target, seconds, found = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    try:
        import atheris  # noqa: F401
    except ImportError:
        print(run_hypothesis(target, seconds))
    else:
        run_atheris(target, seconds, found)


if __name__ == "__main__":
    main()
