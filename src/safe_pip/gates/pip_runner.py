"""The runner: the script that the target's interpreter runs, for the first pip and the nested ones.

The parent copies it and the other pip_* modules into a private folder. They are the child's side
of the gate: standard library only, Python 3.8 and newer, and everything imported up front, since
pip 26.3 refuses every import once an installation has started.
"""

# pip's paths are text, and so are ours on its side.
# ruff: noqa: PTH100, PTH119, PTH120
import importlib
import os
import sys
import types

PACKAGE = "safe_pip_child"


def main():  # type: () -> int
    # Every Python can read this file so far, and safe-pip says what is wrong; it does not hear of
    # one that another pip starts, for --python.
    if sys.version_info < (3, 8):  # noqa: UP036
        if "_PIP_RUNNING_IN_SUBPROCESS" in os.environ:
            sys.stderr.write("ERROR: safe-pip installs into Python 3.8 and newer.\n")
        return 1
    runner = os.path.abspath(__file__)
    folder = os.path.dirname(runner)
    # The folder of a script comes first in sys.path, where pip would find our modules. They are
    # a package of their own, so that their names meet nobody else's.
    sys.path[:] = [entry for entry in sys.path if not entry or os.path.abspath(entry) != folder]
    package = types.ModuleType(PACKAGE)
    package.__path__ = [folder]
    sys.modules[PACKAGE] = package
    # What keeps old byte code from a build (pip_bytecode.py) is not for a pip of it: that would
    # compile itself anew.
    if os.path.basename(sys.pycache_prefix or "").startswith("pip-bytecode-"):
        sys.pycache_prefix = None
        os.environ.pop("PYTHONPYCACHEPREFIX", None)
    # The folder stays as the parent made it, so that a change of it shows.
    writes_no_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    child = importlib.import_module(PACKAGE + ".pip_child")
    sys.dont_write_bytecode = writes_no_bytecode
    status = int(child.run(runner))
    child.leave(status)
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        # Before pip's own program begins, which has its words for it; safe-pip has some as well.
        sys.exit(130)
