"""A scanner that finds what a test wrote down: real archives and processes, a pretended model.

A line ``# pretend-score: 0.97`` in a Python file gives the artifact that score, with the line as
the evidence (none below 0.2); ``# pretend-crash``, ``-kill``, ``-memory``, ``-hoard``, ``-nonsense``,
``-pause`` and ``-hang`` do to the worker what they say, and ``# pretend-touch: PATH`` tells a test
that an inspection has begun.
"""

from __future__ import annotations

import itertools
import mmap
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

import safe_pip.cli
from safe_pip.archive import DEFAULT_LIMITS
from safe_pip.artifact import Artifact
from safe_pip.distribution import Distribution
from safe_pip.errors import UnscannableError
from safe_pip.evidence import Evidence, Location, Surface
from safe_pip.extractors import SCHEMA, names
from safe_pip.feature import Group
from safe_pip.inspection import worker
from safe_pip.inspection.one_path import lookalike
from safe_pip.inspection.opening import open_artifact, verdict_kind
from safe_pip.inspection.processes import SpawnedProcess, worker_command
from safe_pip.inspection.scanner import scanner_id
from safe_pip.inspection.source_lines import with_source
from safe_pip.inspection.unscannable import unscannable_verdict
from safe_pip.inspection.workers import Worker, Workers
from safe_pip.scoring.manifest import Manifest, Thresholds
from safe_pip.verdict import Finding, Verdict

MODEL_ID = "pretended"
EVIDENCE_FROM = 0.2
ASK_FROM = 0.5
BLOCK_FROM = 0.9
SCANNER_ID = scanner_id(model_id=MODEL_ID, schema_digest=SCHEMA.digest)

# A time limit of inspections that a test can wait for.
SECONDS_VARIABLE = "SAFE_PIP_TEST_SECONDS"
# By how much the wall's clock is off, and twice as much at the next look, and so on.
CLOCK_VARIABLE = "SAFE_PIP_TEST_CLOCK_JUMPS"
_SCORE = re.compile(r"pretend-score: ([\d.]+)")


def fake_manifest() -> Manifest:
    return Manifest(
        model_id=MODEL_ID,
        onnx_sha256="0" * 64,
        schema_digest=SCHEMA.digest,
        schema_names=SCHEMA.names,
        inputs=(),
        unit_inputs=(),
        medians={},
        unit_medians={},
        thresholds=Thresholds(ask=ASK_FROM, block=BLOCK_FROM),
    )


def fake_worker_command() -> Sequence[str]:
    executable, isolated, _, start, *folders = worker_command()
    start = start.replace("safe_pip.inspection.worker", "tests.fake_scanner")
    return (executable, isolated, "-c", start, *folders, str(Path(__file__).parents[1]))


def start_fake_worker() -> Worker:
    return Worker(SpawnedProcess(fake_worker_command()))


def use_fake_scanner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command line of this process use it in place of the shipped model."""
    # Both, because some take the function by name when they are imported.
    monkeypatch.setattr("safe_pip.scoring.shipped.shipped_manifest", fake_manifest)
    monkeypatch.setattr("safe_pip.scoring.shipped.check_shipped_model", fake_manifest)
    monkeypatch.setattr("safe_pip.cli.parts.check_shipped_model", fake_manifest)
    command = fake_worker_command()
    monkeypatch.setattr("safe_pip.inspection.processes.worker_command", lambda: command)
    if seconds := os.environ.get(CLOCK_VARIABLE):
        jumps, true_time = itertools.count(1), time.time
        monkeypatch.setattr("time.time", lambda: true_time() + float(seconds) * next(jumps))
    if seconds := os.environ.get(SECONDS_VARIABLE):
        monkeypatch.setattr(
            "safe_pip.inspection.workers.Workers", partial(Workers, timeout_seconds=float(seconds))
        )


def run_command_line() -> None:
    """``safe-pip`` with the arguments of this process, in a process of its own."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        use_fake_scanner(monkeypatch)
        sys.exit(safe_pip.cli.main())


def main() -> None:
    """The worker."""
    worker.main(lambda: worker.Scanner(model_id=MODEL_ID, inspect=_inspect, warm_up=lambda: None))


def _inspect(artifact: Artifact) -> Verdict:
    try:
        with open_artifact(artifact, DEFAULT_LIMITS) as distribution:
            found = tuple(_findings(distribution))
            findings = tuple(one for one in found if one.contribution >= EVIDENCE_FROM)
            return Verdict(
                sha256=distribution.sha256,
                filename=distribution.filename,
                kind=verdict_kind(artifact, distribution),
                project=distribution.project,
                version=distribution.version,
                scanner_id=SCANNER_ID,
                score=max((finding.contribution for finding in found), default=0.01),
                unscannable=None,
                findings=with_source(findings, distribution),
                lookalike=lookalike(names.observe(distribution)),
            )
    except UnscannableError as error:
        return unscannable_verdict(
            artifact, scanner_id=SCANNER_ID, reason=error.reason, detail=str(error)
        )


def _answers() -> int:
    """The pipe or socket to safe-pip, which the worker keeps under another number than 1."""
    return max(
        int(fd.name)
        for fd in Path("/proc/self/fd").iterdir()
        if fd.is_symlink() and str(fd.readlink()).startswith(("pipe:", "socket:"))
    )


def hoard() -> None:
    """Reserves memory until there is no more: none of it is touched, so none is used up."""
    kept = []
    while True:
        kept.append(mmap.mmap(-1, 1 << 28))


def _findings(distribution: Distribution) -> Iterator[Finding]:
    for file in distribution.python_files():
        for number, line in enumerate(file.read().decode(errors="replace").splitlines(), 1):
            if "pretend-crash" in line:
                os._exit(3)
            if "pretend-kill" in line:
                os.kill(os.getpid(), signal.SIGKILL)
            if "pretend-memory" in line:
                bytearray(1 << 62)
            if "pretend-hoard" in line:
                hoard()
            if "pretend-nonsense" in line:
                os.write(_answers(), b'{"verdict": {}}\n')
            if "pretend-touch: " in line:
                Path(line.partition(": ")[2]).touch()
            if "pretend-pause" in line:
                time.sleep(2)
            if "pretend-hang" in line:
                time.sleep(600)
            if found := _SCORE.search(line):
                yield Finding(
                    evidence=Evidence(
                        feature="pretended",
                        location=Location(path=file.path, line=number),
                        surface=Surface.SETUP if file.path == "setup.py" else Surface.INIT,
                        excerpt=line.strip()[:200],
                        detail="pretends to decode data and execute it",
                    ),
                    group=Group.CODE,
                    contribution=float(found[1]),
                )
