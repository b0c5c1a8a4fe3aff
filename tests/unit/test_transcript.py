"""Our own verbs as somebody meets them who tries each one, right and wrong: what happened, why, and
what now, as reviewed in golden/terminal/verbs.txt."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from safe_pip.cli.surroundings import Surroundings
from tests.fake_scanner import SCANNER_ID
from tests.unit.test_cli import wheel_scoring
from tests.unit.test_threats import osv, write

Run = Callable[..., int]
GOLDEN = Path(__file__).parents[1] / "golden" / "terminal" / "verbs.txt"
DIGEST = "a" * 64

# What argparse says by itself differs from Python to Python and is not among them.
SESSION = (
    "policy show",
    "policy init",
    "policy init",
    "policy check",
    "policy trust",
    "policy check missing.toml",
    "policy check bad.toml",
    "--policy bad.toml install x",
    "policy allow fine==1.0 --reason read",
    "policy allow fine --sha256 zz --reason read",
    f"policy allow fine --sha256 {DIGEST} --reason read",
    f"policy allow fine==1.0 --sha256 {DIGEST} --reason read --expires 2020-01-01",
    "policy allow odd-1.0-py3-none-any.whl --reason read",
    f"policy allow fine==1.0 --sha256 {DIGEST} --reason read --project",
    "policy check",
    "feed status",
    "feed update",
    "feed update http://lists.example/all.zip",
    "feed update missing.zip",
    "feed update osv",
    "feed status",
    "scan missing.whl",
    "scan fine-1.0-py3-none-any.whl odd-1.0-py3-none-any.whl evil-1.0-py3-none-any.whl",
    "--report-only scan evil-1.0-py3-none-any.whl",
    "--record safe-pip.lock scan fine-1.0-py3-none-any.whl",
    "check safe-pip.lock",
    "check missing.lock",
    "check bad.toml",
    "--plain explain evil-1.0-py3-none-any.whl",
    "explain missing.whl",
    "verdicts info",
    "verdicts clear",
    "--format xml scan .",
    "--report",
    "--reports x install y",
    "--report missing/folder.json scan .",
)


@pytest.fixture
def folder(home: Surroundings, run: Run) -> Path:  # noqa: ARG001
    place = home.working_folder
    for name, score in (("fine", 0.1), ("odd", 0.6), ("evil", 0.95)):
        wheel_scoring(place, score, name)
    (place / "bad.toml").write_text('block-above = "high"\n')
    write(place / "osv", osv())
    return place


def test_each_verb_says_what_happened_why_and_what_now(
    run: Run,
    folder: Path,
    home: Surroundings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = ""
    for line in SESSION:
        status = run(*line.split())
        output = capsys.readouterr()
        shown += f"$ safe-pip {line}\n{output.err}{output.out}[{status}]\n\n"
    for path, name in ((folder, "PROJECT"), (home.config_folder.parent, "HOME")):
        shown = shown.replace(str(path), name)
    shown = shown.replace(SCANNER_ID, "SCANNER")
    shown = re.sub(r"\b[0-9a-f]{64}\b", "DIGEST", shown)
    shown = re.sub(r"[\d,]+ bytes", "N bytes", shown)
    assert shown == GOLDEN.read_text(encoding="utf-8")
