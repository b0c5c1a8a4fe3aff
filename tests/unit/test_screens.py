"""The recorded screen: what README and the picture show is what the program draws."""

from __future__ import annotations

from html import unescape
from pathlib import Path
from xml.etree import ElementTree

from tests.screens import COMMAND, SVG, screen_svg, screen_text

README = Path(__file__).parents[2] / "README.md"
_SPACES = str.maketrans("\xa0", " ")


def rows(svg: str) -> list[str]:
    """The text of a picture, a row a line, whichever version of rich drew it."""
    by_height: dict[float, list[tuple[float, str]]] = {}
    for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
        if element.get("clip-path"):
            place = float(element.get("y", "0")), float(element.get("x", "0"))
            by_height.setdefault(place[0], []).append((place[1], element.text or ""))
    return [
        unescape("".join(text for _, text in sorted(pieces))).translate(_SPACES).rstrip()
        for _, pieces in sorted(by_height.items())
    ]


def test_readme_shows_the_screen_of_a_block() -> None:
    assert f"```text\n{screen_text()}```\n" in README.read_text(encoding="utf-8")
    assert f"({SVG.relative_to(README.parent)})" in README.read_text(encoding="utf-8")


def test_the_picture_is_of_today() -> None:
    """``python -m tests.screens`` draws it anew."""
    recorded = SVG.read_text(encoding="utf-8")
    assert [row for row in rows(recorded) if row] == [row for row in rows(screen_svg()) if row]
    assert COMMAND in rows(recorded)
    assert any("os.system(base64.b64decode(" in row.replace("  ", "") for row in rows(recorded))


def test_the_picture_loads_nothing() -> None:
    text = SVG.read_text(encoding="utf-8")
    assert "url(http" not in text
    assert "@font-face" not in text
    assert "<script" not in text
