"""The gate over a target that is known already, as the tests have it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from safe_pip.gates.launch import launched
from safe_pip.gates.pip_gate import Expecting, Gate
from safe_pip.gates.reviewer import Reviewer
from safe_pip.gates.target import Target


def run_pip(
    target: Target,
    arguments: Sequence[str],
    make_reviewer: Callable[[], Reviewer],
    *,
    environ: Mapping[str, str],
    expect: Expecting | None = None,
) -> int:
    """Runs ``pip ARGUMENTS`` in it; see ``Gate.run`` for what it gives and raises."""
    with launched(target.python, arguments, environ) as launch:
        gate = Gate(launch, choose=lambda _: target)
        gate.target()
        return gate.run(make_reviewer, expect=expect)
