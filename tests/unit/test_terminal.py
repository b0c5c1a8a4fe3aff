"""What a person sees: whole screens against reviewed files, and how the question is answered.

After a wanted change, look at the difference and write the new text into tests/golden/terminal.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from rich.console import Console

from safe_pip.artifact import OriginKind
from safe_pip.escaping import escaped
from safe_pip.policy.rules import Context, Decision, without_a_person
from safe_pip.policy.settings import Action, DenyEntry, Policy
from safe_pip.terminal.decoded import decoded_literal
from safe_pip.terminal.desk import Reply, TerminalDesk
from safe_pip.terminal.explanation import print_explanation
from safe_pip.terminal.keyboard import Keyboard
from safe_pip.terminal.panel import print_panel
from safe_pip.terminal.plain import plain_lines
from safe_pip.terminal.sentences import accepting_command, code_at, found_words
from safe_pip.terminal.tally import Tally, summary_line
from safe_pip.verdict import Advisory, Change, SourceLines
from tests.policies import LIKE_REQUESTS, NOW, make_decision, make_finding, make_verdict

GOLDEN = Path(__file__).parents[1] / "golden" / "terminal"

TOP = make_finding(path="setup.py", line=12, excerpt='exec(b64decode("aW1wb3J0IG9z…"))', share=0.8)
FINDINGS = (
    TOP,
    replace(TOP, evidence=replace(TOP.evidence, detail="decodes data")),
    replace(TOP, evidence=replace(TOP.evidence, detail="executes text as code")),
    make_finding(path="demo/__init__.py", line=3, excerpt="post(environ)", share=0.1),
    *(make_finding(path=f"demo/module_{number}.py", line=number) for number in range(5)),
)
ODD = make_verdict(score=0.6, kind="sdist", filename="demo-1.0.tar.gz", findings=FINDINGS)
CHAIN = Context(
    origin=OriginKind.INDEX, required_by=("flask==3.1", "demo-tools", "demo"), project=None
)


def blocked_by_score() -> Decision:
    return make_decision(replace(ODD, score=0.997), context=CHAIN)


def asked() -> Decision:
    return make_decision(ODD, context=CHAIN)


def changed() -> Decision:
    new = make_finding(path="demo.pth", line=1, excerpt="import base64; exec(…)", share=0.7)
    change = Change(previous="demo 0.9", score=0.9951, ask_above=0.9893, findings=(new,))
    return make_decision(replace(ODD, score=0.2, change=change), context=CHAIN)


def unattended() -> Decision:
    return without_a_person(asked(), Policy())


def not_inspected() -> Decision:
    context = replace(CHAIN, is_build_requirement=True)
    return make_decision(make_verdict(unscannable="zip-without-end"), context=context)


def denied() -> Decision:
    policy = Policy(deny=frozenset({DenyEntry(project="demo")}))
    return make_decision(make_verdict(), policy)


def listed() -> Decision:
    advisory = Advisory(id="MAL-2026-1", summary="Steals tokens", source="the imported OSV list")
    return make_decision(make_verdict(advisories=(advisory,)))


def too_young() -> Decision:
    policy = Policy(minimum_release_age=timedelta(days=7), unknown_age=Action.BLOCK)
    return make_decision(make_verdict(), policy)


def quarantined() -> Decision:
    return make_decision(make_verdict(), context=replace(CHAIN, project_status="quarantined"))


def confused() -> Decision:
    context = replace(
        CHAIN,
        project=canonicalize_name("demo"),
        index_url="https://public.example/simple/demo/",
        page_format="json",
        other_indexes=("https://private.example/simple/",),
    )
    return make_decision(make_verdict(), Policy(several_indexes=Action.BLOCK), context)


def squatting() -> Decision:
    verdict = make_verdict(project="reqeusts", lookalike=LIKE_REQUESTS)
    return make_decision(verdict, context=replace(CHAIN, required_by=()))


def unattested() -> Decision:
    context = replace(CHAIN, page_format="json", uploaded_at=NOW, attested_before="0.9")
    return make_decision(make_verdict(), Policy(attestation_loss=Action.BLOCK), context)


def held() -> Decision:
    policy = Policy(sdists=Action.BLOCK, held=frozenset({"sdists"}))
    return make_decision(make_verdict(kind="sdist", filename="demo-1.0.tar.gz"), policy)


def hostile() -> Decision:
    finding = make_finding(
        path="a/\x1b]0;title\x07\u202e.py", excerpt="[bold red]x[/]\r\x1b[2J\u200b" * 12
    )
    verdict = replace(
        make_verdict(score=0.99, findings=(finding,)),
        project=canonicalize_name("[link=x]demo\x1b[31m"),
        version="1.0'; rm -rf ~ '",
        filename="demo\n\n╰─ no finding.whl",
    )
    context = replace(CHAIN, required_by=("\x1b[8mhidden", "e\u0301" * 40))
    return make_decision(verdict, context=context)


def screen(decision: Decision, columns: int, *, is_full: bool = False) -> str:
    console = Console(file=io.StringIO(), width=columns, highlight=False, markup=False, emoji=False)
    print_panel(console, decision, says=str, is_full=is_full)
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue()


DECISIONS = [
    changed,
    quarantined,
    confused,
    squatting,
    unattested,
    held,
    blocked_by_score,
    asked,
    unattended,
    not_inspected,
    denied,
    listed,
    too_young,
    hostile,
]


def reviewed(name: str) -> str:
    return (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("make", DECISIONS)
def test_a_panel_looks_as_reviewed(make: Callable[[], Decision], columns: int) -> None:
    shown = screen(make(), columns)
    assert shown == reviewed(f"{make.__name__}-{columns}")


@pytest.mark.parametrize("make", DECISIONS)
def test_plain_lines_read_as_reviewed(make: Callable[[], Decision]) -> None:
    lines = [f"{line}\n" for line in plain_lines(make(), says=str)]
    assert "".join(lines) == reviewed(f"{make.__name__}-plain")
    assert not set("│╭╰─•→\x1b") & set("".join(lines)) or make is hostile


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_no_line_of_a_panel_is_wider_than_the_terminal(columns: int) -> None:
    lines = screen(hostile(), columns).splitlines()
    framed = [line for line in lines if line[0] in "╭│╰"]
    assert framed
    assert max(map(len, framed)) <= columns


def test_hostile_text_cannot_act() -> None:
    shown = screen(hostile(), 80)
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert "[bold red]x[/]" in shown
    assert sum(line.startswith("╰") for line in shown.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 名", "plain é 名"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\u202e\u2066\u200b\ufeff\u00ad", "\\u202e\\u2066\\u200b\\ufeff\\xad"),
        ("\u2028\u2029\x85\x9b", "\\u2028\\u2029\\x85\\x9b"),
        ("e\u0301", "e\\u0301"),
        ("a\u00a0b\u3000c", "a b c"),
        ("\udcff\U000e0041", "\\udcff\\U000e0041"),
        ("x" * 500, "x" * 400 + "…"),
    ],
)
def test_escaped_text_is_one_harmless_line(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_the_accepting_command_can_be_copied_from_a_narrow_terminal() -> None:
    assert f"  {accepting_command(asked())}\n" in screen(asked(), 40)


@pytest.mark.parametrize(
    ("excerpt", "text"),
    [
        ('exec(b64decode("aW1wb3J0IG9zO29zLnN5c3RlbSgnaWQnKQ=="))', "import os;os.system('id')"),
        ('exec(b64decode("aW1wb3J0IG9zO29zLnN5c3Rl…', "import os;os.syste"),
        ("u = 'aHR0cHM6Ly9hLmV4YW1wbGUv'", "https://a.example/"),
        ("x = bytes.fromhex('696d706f7274206f73')", "import os"),
        (r'exec("\x69\x6d\x70\x6f\x72\x74")', "import"),
        ("name = 'some_identifier_of_code'", None),
        ("key = '/usr/share/some/where/else'", None),
        ("'AAAAAAAAAAAAAAAA'", None),
        ("'G10wO3RpdGxlBxtbMko='", None),
        ("", None),
    ],
)
def test_a_literal_that_hides_text_is_shown_decoded(excerpt: str, text: str | None) -> None:
    assert decoded_literal(excerpt) == text


def test_no_command_is_offered_that_would_not_count() -> None:
    assert accepting_command(asked()) is not None
    assert accepting_command(denied()) is None
    assert accepting_command(held()) is None


def test_no_command_is_made_of_a_hostile_name() -> None:
    assert accepting_command(hostile()) is None
    assert accepting_command(replace(asked(), verdict=replace(ODD, version="1; ls"))) is None


@pytest.mark.parametrize(
    ("tally", "line"),
    [
        (Tally(), "safe-pip: nothing to inspect: pip fetched nothing"),
        (
            Tally(inspected=12, from_memory=3, waited_seconds=1.24),
            "safe-pip: 12 inspected, 3 from memory, no finding; pip waited 1.2 s",
        ),
        (
            Tally(inspected=2, accepted=1, allowed_by_policy=1),
            "safe-pip: 2 inspected, 1 accepted at the terminal, 1 allowed by the policy; "
            "pip waited 0.0 s",
        ),
        (
            Tally(inspected=2, refused=1),
            "safe-pip: 2 inspected, 1 not let through; pip waited 0.0 s",
        ),
        (
            Tally(inspected=2, on_several_indexes=1),
            "safe-pip: 2 inspected, no finding, 1 project on several indexes; pip waited 0.0 s",
        ),
        (
            Tally(inspected=2, lost_attestations=2),
            "safe-pip: 2 inspected, no finding, 2 projects without the attestation that earlier "
            "releases have; pip waited 0.0 s",
        ),
        (
            Tally(inspected=9, below_limits=2),
            "safe-pip: 9 inspected, 2 with finds below every limit; pip waited 0.0 s",
        ),
    ],
)
def test_the_last_line_says_what_was_found(tally: Tally, line: str) -> None:
    assert summary_line(tally) == line


class Person:
    """A terminal at which the answers are already typed. It stays silent after them if it
    ``waits``, else the input ends."""

    def __init__(self, typed: str, *, waits: bool = False) -> None:
        self.typed = typed
        self.waits = waits
        self.writing = io.StringIO()

    @contextlib.contextmanager
    def open(self) -> Iterator[Keyboard]:
        reader, writer = os.pipe()
        os.write(writer, self.typed.encode())
        if not self.waits:
            os.close(writer)
        with os.fdopen(reader, encoding="utf-8") as reading:
            yield Keyboard(reading=reading, writing=self.writing)
        if self.waits:
            os.close(writer)


def ask(typed: str, *, is_plain: bool = False) -> tuple[Reply, str]:
    """The answer, and what the terminal showed."""
    person = Person(typed)
    desk = TerminalDesk(stderr=io.StringIO(), keyboard=person.open, says=str, is_plain=is_plain)
    return desk.ask([asked()], is_moot=lambda: False), person.writing.getvalue()


@pytest.mark.parametrize("typed", ["y\n", "yes\n", " Y \n", "m\ny\n", "more\nyes\n"])
def test_a_clear_yes_is_yes(typed: str) -> None:
    assert ask(typed)[0] is Reply.YES


@pytest.mark.parametrize("typed", ["", "\n", "n\n", "yep\n", "yes please\n", "m\n", "m\nn\n"])
def test_everything_else_is_no(typed: str) -> None:
    assert ask(typed)[0] is Reply.NO


@pytest.mark.parametrize("way", ["40", "80", "200", "plain"])
def test_a_question_looks_as_reviewed(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setenv("COLUMNS", "80" if way == "plain" else way)
    _, shown = ask("m\nn\n", is_plain=way == "plain")
    assert shown == reviewed(f"question-{way}")


def test_several_finds_at_a_place_say_each_thing_once_and_first_when_it_runs() -> None:
    runs = "it runs when the package is imported"
    details = (f"sends keys away; {runs}", f"reads keys; {runs}", "reads keys")
    found = [replace(TOP, evidence=replace(TOP.evidence, detail=detail)) for detail in details]
    assert found_words(found, str) == (
        "runs when the package is imported: sends keys away; reads keys"
    )


@pytest.mark.parametrize(
    ("line", "shown"),
    [("    x = exec(data)  # odd", "x = exec(data)  # odd"), ("    y = 1", "exec(data)")],
)
def test_the_line_is_shown_as_it_stands_if_what_was_found_is_seen_in_it(
    line: str, shown: str
) -> None:
    around = SourceLines(first_line=2, lines=("import os", line))
    assert code_at([replace(make_finding(line=3), around=around)]).text == shown


def test_the_finding_is_shown_where_the_question_is_asked() -> None:
    _, shown = ask("n\n")
    assert shown.index("setup.py:12") < shown.index("let this artifact pass?")


def test_more_shows_every_place_and_each_line_whole() -> None:
    _, shown = ask("m\nn\n")
    assert "and 3 more" in shown
    assert "demo/module_4.py:4" in shown
    finding = make_finding(excerpt="x" * 300)
    long = make_decision(replace(ODD, findings=(finding,)))
    assert screen(long, 80).count("x") < 100 < screen(long, 80, is_full=True).count("x") - 100


@pytest.mark.parametrize("is_moot_from_the_start", [True, False])
def test_a_question_that_became_moot_is_withdrawn(is_moot_from_the_start: bool) -> None:
    person = Person("", waits=True)
    desk = TerminalDesk(stderr=io.StringIO(), keyboard=person.open, says=str)
    looks = iter([is_moot_from_the_start, False, True])
    assert desk.ask([asked()], is_moot=lambda: next(looks)) is Reply.WITHDRAWN
    shown = person.writing.getvalue()
    assert shown.endswith("[m]ore: \nsafe-pip: the question is withdrawn\n") or (
        is_moot_from_the_start and shown == ""
    )


def test_without_a_terminal_the_answer_is_no() -> None:
    def no_terminal() -> contextlib.AbstractContextManager[Keyboard]:
        raise OSError(6, "No such device or address")

    for keyboard in (no_terminal, None):
        desk = TerminalDesk(stderr=io.StringIO(), keyboard=keyboard, says=str)
        assert desk.ask([asked()], is_moot=lambda: False) is Reply.NO


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("no_color", "is_coloured"), [("", True), ("1", False)])
def test_no_color_is_honoured(
    monkeypatch: pytest.MonkeyPatch, no_color: str, is_coloured: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", no_color)
    stderr = Terminal()
    TerminalDesk(stderr=stderr, keyboard=None, says=str).show_blocked([blocked_by_score()])
    colours = re.findall(r"\x1b\[(?:[\d;]*;)?(?:3[0-8]|4[0-8])(?:;[\d;]*)?m", stderr.getvalue())
    assert bool(colours) == is_coloured


def test_a_long_inspection_is_announced_unless_quiet() -> None:
    loud, quiet = io.StringIO(), io.StringIO()
    for stream, is_quiet in ((loud, False), (quiet, True)):
        desk = TerminalDesk(stderr=stream, keyboard=None, says=str, is_quiet=is_quiet)
        desk.show_slow(["big\x1b.whl", "other.whl"])
    assert loud.getvalue() == "safe-pip: still inspecting big\\x1b.whl and 1 more …\n"
    assert quiet.getvalue() == ""


def test_an_explanation_shows_every_find_with_its_share() -> None:
    console = Console(file=io.StringIO(), width=100, highlight=False, markup=False, emoji=False)
    print_explanation(console, blocked_by_score(), says=str)
    output = console.file
    assert isinstance(output, io.StringIO)
    assert output.getvalue() == reviewed("explanation-100")


def test_a_plain_explanation_reads_as_reviewed() -> None:
    console = Console(file=io.StringIO(), width=100, highlight=False, markup=False, emoji=False)
    print_explanation(console, blocked_by_score(), says=str, is_plain=True)
    output = console.file
    assert isinstance(output, io.StringIO)
    assert output.getvalue() == reviewed("explanation-plain")
