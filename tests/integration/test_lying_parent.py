"""A line that is cut, or says what it should not: the child takes nothing for a yes but a yes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from safe_pip.gates.pip_line import MAX_MESSAGE_BYTES
from tests.builders import write_sdist, write_wheel
from tests.integration.canaries import project_built_by, write_tool_wheel
from tests.integration.conftest import Workshop
from tests.integration.fake_parent import honest, line, run_child, yes

pytestmark = pytest.mark.fault

Answer = Callable[[dict[str, Any]], bytes | None]

RUBBISH: dict[str, Answer] = {
    "hangs-up": lambda _: None,
    "nothing": lambda _: b"\n",
    "garbage": lambda _: b"\xff\xfe\x00 garbage\n",
    "no-object": lambda _: line([True]),
    "empty-object": lambda _: line({}),
    "a-word": lambda _: line("ok"),
    "null": lambda _: line(None),
    "deep": lambda _: b"[" * 100_000 + b"\n",
    "oversized": lambda _: b'{"ok": true, "answers": [' + b" " * MAX_MESSAGE_BYTES + b"]}\n",
}
FALSE_YES: dict[str, Answer] = {
    "ok-alone": lambda _: line({"ok": True}),
    "answers-null": lambda _: line({"answers": None}),
    "answers-too-few": lambda _: line({"answers": []}),
    "answers-too-many": lambda m: line({"answers": [yes(i) for i in m["items"] * 2]}),
    "answers-of-words": lambda m: line({"answers": ["yes"] * len(m["items"])}),
    "answers-without-digest": lambda m: line({"answers": [{"identity": None}] * len(m["items"])}),
    "answers-about-other-bytes": lambda m: line(
        {"answers": [{"sha256": "0" * 64, "identity": [0, 0, 0, 0, 0]}] * len(m["items"])}
    ),
    "refusal-null": lambda _: line({"refusal": None}),
    "refusal-and-answers": lambda m: line(
        {"refusal": "no", "answers": [yes(i) for i in m["items"]]}
    ),
}


def speaking(answer: Answer, kind: str, number: int = 1) -> Answer:
    """Honest, but for the n-th message of a kind."""
    seen: list[dict[str, Any]] = []

    def speak(message: dict[str, Any]) -> bytes | None:
        if message["type"] == kind:
            seen.append(message)
            if len(seen) == number:
                return answer(message)
        return honest(message)

    return speak


@pytest.mark.parametrize("answer", RUBBISH.values(), ids=RUBBISH)
@pytest.mark.parametrize("kind", ["hello", "need"])
def test_rubbish_is_no_yes(workshop: Workshop, kind: str, answer: Answer) -> None:
    write_wheel(workshop.archives, "alpha")
    speak = speaking(answer, kind)
    status, screen = run_child(workshop, speak, "install", "alpha")
    assert status != 0, screen
    assert workshop.installed() == []
    assert workshop.leftovers == []


@pytest.mark.parametrize("answer", FALSE_YES.values(), ids=FALSE_YES)
def test_what_is_not_quite_a_yes_is_a_no(workshop: Workshop, answer: Answer) -> None:
    write_wheel(workshop.archives, "alpha")
    status, screen = run_child(workshop, speaking(answer, "need"), "install", "alpha")
    assert status != 0, screen
    assert workshop.installed() == []


@pytest.mark.parametrize(
    ("kind", "number", "may_have_run"),
    [
        ("hello", 1, False),
        ("check", 1, False),
        ("need", 1, False),
        ("need", 2, False),
        ("hello", 2, False),
        ("need", 3, False),
        ("need", 4, True),
        ("plan", 2, True),
        ("need", 5, True),
    ],
)
def test_line_cut_at_any_message(
    workshop: Workshop, kind: str, number: int, may_have_run: bool
) -> None:
    write_tool_wheel(workshop.archives, "tool")
    write_sdist(workshop.archives, "alpha", files=project_built_by("alpha", "tool"))
    speak = speaking(lambda _: None, kind, number)
    status, screen = run_child(workshop, speak, "install", "alpha")
    assert status != 0, screen
    assert workshop.installed() == []
    assert may_have_run or workshop.marks == []


def test_lost_goodbye_fails_nothing(workshop: Workshop) -> None:
    """pip has done its work by then; the parent that heard no goodbye reports an error."""
    write_wheel(workshop.archives, "alpha")
    status, _ = run_child(workshop, speaking(lambda _: None, "done"), "install", "alpha")
    assert status == 0


def test_honest_parent_installs(workshop: Workshop) -> None:
    """Without which the tests above would prove nothing."""
    write_wheel(workshop.archives, "alpha")
    status, screen = run_child(workshop, honest, "install", "alpha")
    assert status == 0, screen
    assert workshop.installed() == ["alpha", "alpha-1.0.dist-info"]
