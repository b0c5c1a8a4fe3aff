"""The source around a find: the right lines, few of them, and kept with the verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from safe_pip.archive import read_archive
from safe_pip.cache.encoding import EncodingError, decode_verdict, encode_verdict
from safe_pip.evidence import Location
from safe_pip.inspection.source_lines import MAX_FINDINGS, MAX_LINE_CHARS, with_source
from safe_pip.verdict import Finding, SourceLines
from tests.builders import Content, make_wheel
from tests.policies import make_finding, make_verdict


def around(content: Content, line: int, *, path: str = "demo/code.py") -> SourceLines | None:
    finding = make_finding(path="demo/code.py", line=line)
    with read_archive(make_wheel(files={path: content}), "demo-1.0-py3-none-any.whl") as opened:
        (shown,) = with_source([finding], opened)
    return shown.around


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_lines_around_a_place_are_counted_as_python_counts_them(end: str) -> None:
    text = end.join(["one", "two\x0c\x1c\u2028", "three", "four", "five", "six"])
    assert around(text, 5) == SourceLines(
        first_line=2, lines=("two\x0c\x1c\u2028", "three", "four", "five", "six")
    )
    assert around(text, 1) == SourceLines(
        first_line=1, lines=("one", "two\x0c\x1c\u2028", "three", "four")
    )


def test_a_long_line_is_cut() -> None:
    shown = around("x" * 10_000, 1)
    assert shown is not None
    assert MAX_LINE_CHARS < len(shown.lines[0]) < 2 * MAX_LINE_CHARS


@pytest.mark.parametrize(("line", "path"), [(0, "demo/code.py"), (9, "demo/code.py"), (1, "x.py")])
def test_a_place_that_is_not_there_has_no_source(line: int, path: str) -> None:
    assert around("one\ntwo", line, path=path) is None


def test_bytes_that_are_no_text_are_shown_as_what_they_are() -> None:
    shown = around(b"ok\n\xff\xfe = 1\n", 2)
    assert shown is not None
    assert shown.lines[1] == "\ufffd\ufffd = 1"


def test_only_the_strongest_finds_have_source() -> None:
    findings = [make_finding(path="demo/__init__.py", line=1)] * (MAX_FINDINGS + 5)
    with read_archive(make_wheel(), "demo-1.0-py3-none-any.whl") as opened:
        shown = with_source(findings, opened)
    assert [finding.around is not None for finding in shown] == [True] * MAX_FINDINGS + [False] * 5


def test_source_lines_are_remembered_with_their_verdict() -> None:
    shown = replace(make_finding(), around=SourceLines(first_line=2, lines=("a\udcff", "b")))
    verdict = make_verdict(findings=(shown, make_finding(line=7)))
    encoded = encode_verdict(verdict)
    assert decode_verdict(encoded) == verdict


@pytest.mark.parametrize(
    "around", [[], {"first_line": -1, "lines": []}, {"first_line": 1, "lines": [1]}]
)
def test_source_lines_of_a_damaged_entry_are_refused(around: object) -> None:
    encoded = encode_verdict(make_verdict(findings=(make_finding(),)))
    findings = encoded["findings"]
    assert isinstance(findings, list)
    findings[0]["around"] = around
    with pytest.raises(EncodingError):
        decode_verdict(encoded)


def test_an_entry_of_an_older_version_has_no_source_lines() -> None:
    finding: Finding = make_finding()
    encoded = encode_verdict(make_verdict(findings=(finding,)))
    findings = encoded["findings"]
    assert isinstance(findings, list)
    del findings[0]["around"]
    assert decode_verdict(encoded).findings == (finding,)
    assert finding.evidence.location == Location(path="demo/__init__.py", line=3)
