"""Subjects: the real archives that the benchmarks are run on."""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from model.workspace import MODEL_FOLDER, Workspace, stage_parser

ARCHIVE_SUFFIXES = (".whl", ".tar.gz", ".tgz", ".tar.bz2", ".zip")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An archive at ``path``, which may lie under another name than its own."""

    name: str
    path: Path

    @property
    def is_wheel(self) -> bool:
        return self.name.endswith(".whl")


def add_subjects(parser: argparse.ArgumentParser, *, sample: int) -> None:
    """The arguments that say which archives."""
    parser.add_argument(
        "paths",
        nargs="*",
        type=Path,
        metavar="PATH",
        help="archives, or folders of them (default: the benign corpus of the model's training)",
    )
    parser.add_argument(
        "--sample", type=int, default=sample, help=f"how many of them (default: {sample})"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the sample (default: 1)")
    parser.add_argument(
        "--max-bytes", type=int, default=30_000_000, help="leave out larger archives"
    )


def choose_subjects(asked: argparse.Namespace, *, wheels_only: bool = False) -> list[Subject]:
    """A sample that depends on the names and the seed alone, in the order of names."""
    found = _given(asked.paths) if asked.paths else _training_corpus()
    fitting = sorted(
        (
            subject
            for subject in found
            if (subject.is_wheel or not wheels_only)
            and subject.path.stat().st_size <= asked.max_bytes
        ),
        key=lambda subject: subject.name,
    )
    chosen = random.Random(asked.seed).sample(fitting, min(asked.sample, len(fitting)))
    return sorted(chosen, key=lambda subject: subject.name)


def linked(subjects: Sequence[Subject], folder: Path) -> list[Path]:
    """Each subject under its own name, which readers look at."""
    paths = []
    for subject in subjects:
        path = folder / subject.name
        path.symlink_to(subject.path.resolve())
        paths.append(path)
    return paths


def _given(paths: Sequence[Path]) -> list[Subject]:
    files = [
        file
        for path in paths
        for file in (sorted(path.rglob("*")) if path.is_dir() else [path])
        if file.name.endswith(ARCHIVE_SUFFIXES)
    ]
    return list({file.name: Subject(name=file.name, path=file) for file in files}.values())


def _training_corpus() -> list[Subject]:
    """What ``python -m model.benign fetch`` has fetched; each lies there under its digest."""
    folder = Workspace(root=stage_parser("", "").parse_args([]).work, jobs=1).downloads
    pins = json.loads((MODEL_FOLDER / "benign.json").read_text(encoding="utf-8"))
    subjects = (Subject(name=pin["filename"], path=folder / pin["sha256"]) for pin in pins)
    return list({subject.name: subject for subject in subjects if subject.path.exists()}.values())
