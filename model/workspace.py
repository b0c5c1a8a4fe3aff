"""The work folder of a training run, and the arguments that every stage shares."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

MALREGISTRY_VARIABLE = "SAFE_PIP_MALREGISTRY"
WORK_VARIABLE = "SAFE_PIP_TRAINING"
MODEL_FOLDER = Path(__file__).parent
TABLES = MODEL_FOLDER / "tables"
EXPORTED = MODEL_FOLDER / "exported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Folders of one training run. Nothing of the malicious corpus is ever written to them but
    digests, dates and numbers."""

    root: Path
    jobs: int

    @property
    def downloads(self) -> Path:
        """Benign archives, one file a digest."""
        return self.root / "downloads"

    @property
    def observations(self) -> Path:
        """One small file of numbers an artifact, under the digest of the extractor's code."""
        return self.root / "observations"

    @property
    def fitted(self) -> Path:
        """Fitted scikit-learn objects between train, evaluate and export."""
        return self.root / "fitted"


def stage_parser(module: str, summary: str) -> argparse.ArgumentParser:
    """A parser with the options that every stage takes."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=summary)
    parser.add_argument(
        "--work",
        type=Path,
        default=Path(
            os.environ.get(WORK_VARIABLE)
            or platformdirs.user_cache_path("safe-pip-guard") / "training"
        ),
        help=f"work folder (default: ${WORK_VARIABLE}, else under the user's cache folder)",
    )
    parser.add_argument("--jobs", type=int, default=2, help="worker processes (default: 2)")
    return parser


def add_malregistry(parser: argparse.ArgumentParser) -> None:
    """The option that names the bare repository or clone of the malicious corpus."""
    default = os.environ.get(MALREGISTRY_VARIABLE)
    parser.add_argument(
        "--malregistry",
        type=Path,
        default=Path(default) if default else None,
        help=f"git folder of lxyeternal/pypi_malregistry (default: ${MALREGISTRY_VARIABLE})",
    )


def open_workspace(arguments: argparse.Namespace) -> Workspace:
    """The workspace that the arguments name, created if need be."""
    workspace = Workspace(root=arguments.work, jobs=arguments.jobs)
    for folder in (workspace.downloads, workspace.observations, workspace.fitted):
        folder.mkdir(parents=True, exist_ok=True)
    return workspace
