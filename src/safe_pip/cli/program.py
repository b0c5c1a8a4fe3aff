"""Program: from the arguments to a verb, from an error to its sentence and exit code."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from safe_pip import __version__
from safe_pip.cli.arguments import HELP, OWN_VERBS, Options, split_arguments
from safe_pip.errors import EXIT_UNSCANNABLE, SafePipError
from safe_pip.escaping import escaped

if TYPE_CHECKING:
    from safe_pip.cli.surroundings import Surroundings
    from safe_pip.gates.interpreter import Statement
    from safe_pip.gates.target import Target

# Imports make a hundred thousand objects and drop none: at the usual rate, a tenth of a start.
_FEW_COLLECTIONS = 50_000
_TURN_SECONDS = 0.0005
_EXIT_INTERRUPTED = 130
_EXIT_BROKEN_PIPE = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status; everything a person needs to know has been printed."""
    options = Options()
    gc.set_threshold(_FEW_COLLECTIONS)
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A character that the locale lacks must not end a run that went well.
            stream.reconfigure(errors="backslashreplace")
    try:
        options, rest = split_arguments(sys.argv[1:] if arguments is None else arguments)
        status = _run(options, rest)
        sys.stdout.flush()
        return status
    except SafePipError as error:
        _tell(f"safe-pip: {escaped(str(error))}")
        if error.hint:
            _tell(f"  {escaped(error.hint)}")
        return error.exit_code
    except KeyboardInterrupt:
        _tell("safe-pip: interrupted")
        return _EXIT_INTERRUPTED
    except BrokenPipeError:
        _give_up_output()
        return _EXIT_BROKEN_PIPE
    except Exception as error:
        if options.is_verbose:
            raise
        _tell(
            f"safe-pip: a defect of safe-pip itself: {type(error).__name__}: {escaped(str(error))}"
        )
        _tell("  Nothing more was let through. Run again with --verbose, and report what it says.")
        return EXIT_UNSCANNABLE


def run() -> int:
    """``main`` for a process that does nothing afterwards: whatever it began has ended with it, and
    to take an interpreter apart takes as long as to start one. Returns if its last words got
    stuck, so that Python tells."""
    status = main()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):  # ValueError: it is closed.
        return status
    os._exit(_as_c_int(status))


def _run(options: Options, rest: Sequence[str]) -> int:
    if options.wants_version:
        return _print_version()
    if options.wants_help or not rest:
        sys.stdout.write(HELP)
        return 0
    if options.is_verbose:
        import logging

        logging.basicConfig(level=logging.DEBUG, format="safe-pip: %(message)s")
    if rest[0] in ("scan", "explain"):
        return _run_scan(options, rest)
    # "check" alone, or with options, is pip's: it takes no argument there.
    if rest[0] == "check" and len(rest) > 1 and not rest[1].startswith("-"):
        from safe_pip.cli.record_check import run_check

        return run_check(options, rest[1:], _surroundings())
    if rest[0] in OWN_VERBS:
        return _run_own_verb(options, rest, _surroundings())
    from safe_pip.gates.guarded_verbs import needs_gate

    if needs_gate(rest):
        return _run_guarded(options, rest)
    from safe_pip.cli.pip_verbs import run_passed_on

    return run_passed_on(rest, _surroundings())


def _surroundings() -> Surroundings:
    from safe_pip.cli import surroundings

    return surroundings.current_surroundings()


def _run_scan(options: Options, rest: Sequence[str]) -> int:
    verb, arguments = rest[0], rest[1:]
    # Some of these may be values of options; then there is no such file, and nothing is lost.
    paths = [argument for argument in arguments if not argument.startswith("-")]
    from safe_pip.cli.head_start import HeadStart, has_something_new

    is_audit = "--installed" in arguments
    with HeadStart(
        has_copies=is_audit or len(paths) > 1, shows_stderr=options.is_verbose
    ) as head_start:
        if is_audit or has_something_new(paths):
            head_start.begin()
        from safe_pip.cli import scanning

        run = scanning.run_scan if verb == "scan" else scanning.run_explain
        return run(options, arguments, _surroundings(), head_start)


def _run_guarded(options: Options, rest: Sequence[str]) -> int:
    """The child starts while the gate is imported, and loads pip while the rest is."""
    from safe_pip.gates.interpreter import find_python, interpreter_that_says
    from safe_pip.gates.launch import launched

    choice = find_python(os.environ)
    with launched(choice.python, rest, os.environ) as launch:
        # The threads that answer it must not wait for turns meanwhile.
        sys.setswitchinterval(_TURN_SECONDS)
        from safe_pip.gates.pip_gate import Gate
        from safe_pip.gates.target import target_in

        def choose(statement: Statement) -> Target:
            interpreter = interpreter_that_says(statement, choice.python)
            return target_in(interpreter, chosen_by=choice.chosen_by)

        gate = Gate(launch, choose=choose)
        from safe_pip.cli.pip_verbs import run_guarded

        return run_guarded(options, rest, _surroundings(), gate)


def _run_own_verb(options: Options, rest: Sequence[str], surroundings: Surroundings) -> int:
    verb, arguments = rest[0], rest[1:]
    if verb == "policy":
        from safe_pip.cli.policy_verbs import run_policy

        return run_policy(options, arguments, surroundings)
    if verb == "feed":
        from safe_pip.cli.feed_verbs import run_feed

        return run_feed(options, arguments, surroundings)
    from safe_pip.cli.upkeep import run_verdicts

    return run_verdicts(options, arguments, surroundings)


def _print_version() -> int:
    from safe_pip.scoring.shipped import check_shipped_model

    print(f"safe-pip {__version__}, model {check_shipped_model().model_id}")
    return 0


def _as_c_int(status: int) -> int:
    """What ``os._exit`` takes. A process that Windows ended (Ctrl-C, a crash) has a status of 32
    bits, from 2**31 up, and the system takes its negative twin for the same."""
    return status if status < 1 << 31 else status - (1 << 32)


def _open_closed_streams() -> None:
    """On nothing: else the next file or socket to be opened would get the number of a standard
    stream, and pip would print into it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 (stays open)
            setattr(sys, name, nowhere)


def _give_up_output() -> None:
    """The reader went away; Python would complain again when it flushes at exit, with another
    exit status."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
