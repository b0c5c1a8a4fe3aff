"""An invented project, copies of it, and an index that holds it. All harmless, none is run."""

from __future__ import annotations

from collections.abc import Mapping

from model.originals import index, prints_of
from safe_pip.extractors import originals
from safe_pip.extractors.originals import Originals
from tests.builders import Content, make_wheel, wheel_filename
from tests.reading import opened

TOPICS = ("ledger", "orchard", "quarry", "harbour", "lantern", "meadow", "furnace", "compass")

CLIENT = '''\
"""The client of glimmer's service."""

import glimmer.ledger
import urllib.request


class Client:
    """Asks a glimmer server; glimmer.Client is what people import."""

    def __init__(self, address, patience=30):
        self.address = address
        self.patience = patience
        self.answers = {}

    def ask(self, question, *, again=False):
        if question in self.answers and not again:
            return self.answers[question]
        target = f"{self.address}/questions/{question}"
        with urllib.request.urlopen(target, timeout=self.patience) as answer:
            self.answers[question] = answer.read()
        return self.answers[question]
'''


def module(topic: str) -> str:
    """A module that is like no other but for its shape."""
    lines = [f'"""All about the {topic} of glimmer."""', "", f"# {topic} first", "import math", ""]
    for number, other in enumerate(TOPICS):
        lines += [
            f"def {topic}_of_{other}(first_{other}, second_{topic}, *, scale={number}):",
            f'    """Weighs the {topic} against the {other}."""',
            f"    weight_{other} = first_{other} * {number + 3} + second_{topic} ** {number + 1}",
            f"    if weight_{other} > scale * {len(topic) + number}:",
            f"        return math.sqrt(weight_{other}) - first_{other} / ({number} + {len(topic)})",
            f"    return [weight_{other}, second_{topic}, '{topic} and {other}']",
            "",
        ]
    return "\n".join(lines)


def project_files(root: str = "glimmer", *, says: str = "glimmer") -> dict[str, Content]:
    """The files of the project below ``root``, whose imports name it; texts name ``says``."""
    files: dict[str, Content] = {
        f"{root}/{topic}.py": module(topic).replace("glimmer", says) for topic in TOPICS
    }
    files[f"{root}/client.py"] = (
        CLIENT.replace("import glimmer", f"import {root}")
        .replace("glimmer", says)
        .replace(f"import {says}.", f"import {root}.")
    )
    files[f"{root}/__init__.py"] = f"from {root}.client import Client\n\n__all__ = ['Client']\n"
    return files


def unrelated_files(n_files: int, *, first: int = 0) -> dict[str, Content]:
    """Files that have nothing to do with the project."""
    return {
        f"filler/part_{number}.py": "".join(
            f"def filled_{number}_{line}(value):\n    return value * {number * 7 + line} + {line}\n\n"
            for line in range(12)
        )
        for number in range(first, first + n_files)
    }


def index_of(projects: Mapping[str, Mapping[str, Content]]) -> Originals:
    """An index of invented projects, by name."""
    releases = []
    for name, files in projects.items():
        distribution = opened(make_wheel(name, files=files), wheel_filename(name, "1.0"))
        releases.append(prints_of(name, distribution))
    return originals.index_of(index(releases), origin="invented for a test")
