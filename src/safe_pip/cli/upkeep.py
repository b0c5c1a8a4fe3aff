"""``verdicts``: what is remembered of earlier inspections."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from safe_pip.cache.store import VerdictStore
from safe_pip.cli.arguments import Options
from safe_pip.cli.surroundings import Surroundings
from safe_pip.errors import SafePipError
from safe_pip.escaping import escaped


def run_verdicts(_: Options, arguments: Sequence[str], surroundings: Surroundings) -> int:
    parser = argparse.ArgumentParser(
        prog="safe-pip verdicts",
        description="What is remembered of earlier inspections, so that the same bytes are "
        "inspected once.",
        allow_abbrev=False,
    )
    parser.add_argument("verb", choices=("info", "clear"))
    asked = parser.parse_args(arguments)
    store = VerdictStore(folder=surroundings.verdicts_folder)
    if asked.verb == "clear":
        return _clear(store)
    size = store.size()
    print(f"{size.verdicts} verdicts, {size.total_bytes:,} bytes, in {escaped(str(store.folder))}")
    return 0


def _clear(store: VerdictStore) -> int:
    size = store.size()
    try:
        store.clear()
    except OSError as error:
        raise SafePipError(
            f"{store.folder} cannot be cleared: {error.strerror}.",
            hint="Remove the folder by hand.",
        ) from error
    print(f"{size.verdicts} verdicts forgotten")
    return 0
