"""HTML: one page that needs nothing else, for a person who was not there.

No script, no picture, no link that loads anything; the page's own policy forbids them as well,
so that text of an artifact that got through the escaping would still do nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from html import escape

from safe_pip.escaping import escaped
from safe_pip.policy.rules import Action
from safe_pip.policy.telling import marked_line
from safe_pip.policy.wording import release_name
from safe_pip.reports.chains import Node, requirement_line, requirement_lines, requirement_tree
from safe_pip.reports.entry import Entry, Scanner
from safe_pip.reports.html_style import STYLE
from safe_pip.reports.text import INSTALLED_NOTE
from safe_pip.verdict import Finding, by_place

# The sentence about a feature, by its name.
Says = Callable[[str], str]

MAX_LINE_CHARS = 160
_CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"
# In the order of the headline.
_WORDS = {Action.BLOCK: "blocked", Action.ASK: "asked about", Action.ALLOW: "allowed"}


def html_page(entries: Sequence[Entry], scanner: Scanner, *, says: Says) -> str:
    """The page: what came to what, who pulled it in, and the source around each find."""
    anchors = {id(entry): f"a{number}" for number, entry in enumerate(entries)}
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_CONTENT_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{_text(_headline(entries))} · safe-pip</title>",
            f"<style>{STYLE}</style></head><body><main>",
            *_head(entries, scanner),
            *_articles(entries, anchors, says),
            *_graph(entries, anchors),
            *_table(entries, anchors),
            "</main></body></html>",
            "",
        ]
    )


def _head(entries: Sequence[Entry], scanner: Scanner) -> Iterator[str]:
    yield f"<header><p>safe-pip {_text(scanner.version)}</p><h1>{_text(_headline(entries))}</h1>"
    yield (
        f"<p>Scanner <code>{_text(scanner.id)}</code>, which asks from {scanner.ask_above:.4f} "
        f"and blocks from {scanner.block_above:.4f} of 1.</p>"
    )
    if any(not entry.is_enforced for entry in entries):
        yield '<p class="note">Report only: nothing was blocked by policy in this run.</p>'
    if any(entry.decision.verdict.kind == "installed" for entry in entries):
        yield f'<p class="note">{_text(INSTALLED_NOTE)}</p>'
    yield "</header>"


def _headline(entries: Sequence[Entry]) -> str:
    counts = Counter(map(_word, entries))
    words = [f"{would}{word}" for would in ("", "would be ") for word in _WORDS.values()]
    parts = [f"{counts[word]} {word}" for word in words if counts[word]]
    return ", ".join(parts) or "Nothing was inspected"


def _articles(entries: Sequence[Entry], anchors: dict[int, str], says: Says) -> Iterator[str]:
    lines = requirement_lines(entries)
    for entry in sorted(entries, key=lambda entry: -entry.decision.action.severity):
        decision, verdict = entry.decision, entry.decision.verdict
        if entry.has_passed:
            continue
        name = _text(release_name(verdict))
        yield f'<article id="{anchors[id(entry)]}"><h2>{_badge(entry)} {name}</h2>'
        yield f"<p>{_text(_sentence(decision.reason))}</p><dl>"
        yield _pair("rule", f"<code>{_text(decision.rule)}</code>")
        yield _pair("asked for by", _chain(entry))
        if line := requirement_line(entry, lines):
            yield _pair("written in", f"<code>{_text(line.file)}:{line.line}</code>")
        yield _pair("artifact", f"{_text(verdict.kind)} <code>{_text(entry.shown_path)}</code>")
        if verdict.sha256:
            yield _pair(f"sha256 of its {entry.digest_of}", f"<code>{_text(verdict.sha256)}</code>")
        for advisory in verdict.advisories:
            yield _pair("advisory", _text(f"{advisory.id}: {advisory.summary} ({advisory.source})"))
        for sentence in decision.not_checked:
            yield _pair("not checked", _text(sentence))
        yield "</dl>"
        for findings in by_place(verdict.telling):
            yield from _place(findings, says)
        yield "</article>"


def _place(findings: Sequence[Finding], says: Says) -> Iterator[str]:
    finding = findings[0]
    evidence, location = finding.evidence, finding.evidence.location
    place = f"{location.path}:{location.line}" if location.line else location.path
    yield f"<section><h3><code>{_text(place) or 'the whole artifact'}</code></h3>"
    for one in findings:
        words = one.evidence.detail or says(one.evidence.feature)
        yield (
            f"<p>{_text(_sentence(words))} <small>{_text(one.evidence.feature)}, "
            f"{_text(one.evidence.surface.value)}, +{one.contribution:.3f}</small></p>"
        )
    around = finding.around
    if around is not None:
        rows = (
            _source_row(number, line, told=findings if number == location.line else ())
            for number, line in enumerate(around.lines, around.first_line)
        )
        yield f"<pre>{''.join(rows)}</pre>"
    elif evidence.excerpt:
        yield f"<pre>{_source_row(location.line, evidence.excerpt, told=findings)}</pre>"
    yield "</section>"


def _source_row(number: int, line: str, *, told: Sequence[Finding]) -> str:
    tag = "mark" if told else "span"
    evidence = [finding.evidence for finding in told]
    marked = marked_line(line.replace("\t", "    "), evidence, max_chars=MAX_LINE_CHARS)
    text = "".join(
        f"<strong>{escape(part)}</strong>" if is_telling else escape(part)
        for part, is_telling in marked.parts
    )
    return f"<{tag}><b>{number or '':>5}</b><i>{text}</i>\n</{tag}>"


def _graph(entries: Sequence[Entry], anchors: dict[int, str]) -> Iterator[str]:
    root = requirement_tree(entries)
    if not any(node.children for node in root.children.values()):
        return  # Nothing pulled in anything.
    yield "<h2>Who pulled in what</h2>"
    yield from _branches(root, anchors)


def _branches(node: Node, anchors: dict[int, str]) -> Iterator[str]:
    yield '<ul class="tree">'
    for child in node.children.values():
        yield f"<li>{_text(child.wanted)} {' '.join(_link(one, anchors) for one in child.entries)}"
        if child.children:
            yield from _branches(child, anchors)
        yield "</li>"
    yield "</ul>"


def _table(entries: Sequence[Entry], anchors: dict[int, str]) -> Iterator[str]:
    yield "<h2>Everything that was inspected</h2><div class=wide><table>"
    yield "<tr><th>decision</th><th>release</th><th>kind</th><th>score</th><th>reason</th></tr>"
    for entry in entries:
        verdict = entry.decision.verdict
        score = "none" if verdict.score is None else f"{verdict.score:.4f}"
        reason = f"{entry.decision.reason} [{entry.decision.rule}]"
        yield (
            f"<tr><td>{_link(entry, anchors)}</td><td>{_text(release_name(verdict))}</td>"
            f"<td>{_text(verdict.kind)}</td><td>{score}</td><td>{_text(reason)}</td></tr>"
        )
    yield "</table></div>"


def _link(entry: Entry, anchors: dict[int, str]) -> str:
    if entry.has_passed:
        return _badge(entry)
    return f'<a href="#{anchors[id(entry)]}">{_badge(entry)}</a>'


def _badge(entry: Entry) -> str:
    return f'<em class="{entry.decision.action.value}">{_word(entry)}</em>'


def _word(entry: Entry) -> str:
    return f"{'' if entry.is_enforced else 'would be '}{_WORDS[entry.decision.action]}"


def _chain(entry: Entry) -> str:
    context = entry.decision.context
    chain = " → ".join(_text(name) for name in context.required_by) or "the command line"
    return f"{chain} (to build it)" if context.is_build_requirement else chain


def _pair(name: str, value: str) -> str:
    return f"<dt>{name}</dt><dd>{value}</dd>"


def _sentence(words: str) -> str:
    # The name of a host stays as it is.
    is_name = "." in words.partition(" ")[0]
    return f"{words}." if is_name else f"{words[:1].upper()}{words[1:]}."


def _text(text: str, *, max_chars: int = 1_000) -> str:
    """Hostile text as text: what acts on an eye is written out, what acts on a browser escaped."""
    return escape(escaped(text, max_chars=max_chars))
