"""The command line: arguments, wiring, exit codes; the only place that constructs parts."""

from safe_pip.cli.program import main, run

__all__ = ["main", "run"]
