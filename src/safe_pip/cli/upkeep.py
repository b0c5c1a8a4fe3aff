"""``verdicts``: what is remembered of earlier inspections."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from safe_pip.cache.exchange import read_verdicts, write_verdicts
from safe_pip.cache.store import VerdictStore
from safe_pip.cli.arguments import Options
from safe_pip.cli.parts import shipped_scanner
from safe_pip.cli.surroundings import Surroundings
from safe_pip.errors import SafePipError
from safe_pip.escaping import escaped
from safe_pip.verdict import Verdict


def run_verdicts(_: Options, arguments: Sequence[str], surroundings: Surroundings) -> int:
    asked = _parser().parse_args(arguments)
    store = VerdictStore(folder=surroundings.verdicts_folder)
    match asked.verb:
        case "clear":
            return _clear(store)
        case "export":
            return _export(store, asked.file)
        case "import":
            return _import(store, asked.file)
    size = store.size()
    print(f"{size.verdicts} verdicts, {size.total_bytes:,} bytes, in {escaped(str(store.folder))}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="safe-pip verdicts",
        description="What is remembered of earlier inspections, so that the same bytes are "
        "inspected once.",
        allow_abbrev=False,
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="info|clear|export|import")
    verbs.add_parser("info", help="how many there are, and where")
    verbs.add_parser("clear", help="forget them all")
    export = verbs.add_parser(
        "export", help="write those of this version and model to a file, for another machine"
    )
    export.add_argument("file", type=Path, metavar="FILE")
    imported = verbs.add_parser(
        "import",
        help="take in the verdicts of a file",
        description="Takes in the verdicts of a file, if this version and model made them; what "
        "is remembered already stays as it is. Whoever can write the file decides what is not "
        "inspected again: use none that you would not let write this machine's memory.",
    )
    imported.add_argument("file", type=Path, metavar="FILE")
    return parser


def _export(store: VerdictStore, path: Path) -> int:
    scanner = shipped_scanner().id
    count = write_verdicts(path, store.verdicts(scanner_id=scanner))
    print(f"{count} verdicts written to {escaped(str(path))}")
    return 0


def _import(store: VerdictStore, path: Path) -> int:
    scanner = shipped_scanner().id
    verdicts = read_verdicts(path)
    ours = [verdict for verdict in verdicts if verdict.scanner_id == scanner]
    new = [verdict for verdict in ours if not _is_known(store, verdict)]
    for verdict in new:
        store.remember(verdict)
    if lost := sum(not _is_known(store, verdict) for verdict in new):
        raise SafePipError(
            f"{lost} of {len(new)} verdicts could not be kept in {store.folder}.",
            hint="The folder must be yours, and nobody else may be able to write to it.",
        )
    print(f"{len(new)} verdicts imported, {len(ours) - len(new)} known already")
    if others := len(verdicts) - len(ours):
        print(f"{others} are of another version or model, and were left out")
    return 0


def _is_known(store: VerdictStore, verdict: Verdict) -> bool:
    known = store.recall(
        sha256=verdict.sha256, filename=verdict.filename, scanner_id=verdict.scanner_id
    )
    return known is not None


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
