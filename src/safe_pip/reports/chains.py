"""Chains: who pulled in what, from the command line or a requirement file to each artifact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from safe_pip.artifact import RequirementLine
from safe_pip.reports.entry import Entry


@dataclass(slots=True, kw_only=True)
class Node:
    """A project that something asked for, as ``wanted`` says, and what it pulled in."""

    wanted: str
    entries: list[Entry] = field(default_factory=list)
    children: dict[str, Node] = field(default_factory=dict)

    def child(self, wanted: str) -> Node:
        return self.children.setdefault(_name(wanted), Node(wanted=wanted))

    def walk(self) -> Iterator[Node]:
        for node in self.children.values():
            yield node
            yield from node.walk()


def requirement_tree(entries: Sequence[Entry]) -> Node:
    """What arrived by itself, below what asked for it; the root is the command."""
    root = Node(wanted="")
    for entry in entries:
        if entry.came_out_of is not None:
            continue
        verdict, context = entry.decision.verdict, entry.decision.context
        name = context.project or verdict.project or verdict.filename
        node = root
        for wanted in context.required_by:
            node = node.child(wanted)
        if not context.required_by or _name(context.required_by[-1]) != _name(name):
            node = node.child(name)
        node.entries.append(entry)
    return root


def requirement_lines(entries: Iterable[Entry]) -> Mapping[NormalizedName, RequirementLine]:
    """The line of a requirement file that asks for a project, where one was told."""
    lines = {}
    for entry in entries:
        context = entry.decision.context
        project = context.project or entry.decision.verdict.project
        if context.requested_in is not None and not context.required_by and project is not None:
            lines[project] = context.requested_in
    return lines


def requirement_line(
    entry: Entry, lines: Mapping[NormalizedName, RequirementLine]
) -> RequirementLine | None:
    """Its own line, or that of what it was pulled in to build: a nested pip does not tell."""
    context = entry.decision.context
    if context.requested_in is not None or not context.required_by:
        return context.requested_in
    return lines.get(canonicalize_name(_name(context.required_by[0])))


def _name(wanted: str) -> str:
    """The project of a requirement; pip describes one without a name by its folder."""
    try:
        return canonicalize_name(Requirement(wanted).name)
    except InvalidRequirement:
        return wanted
