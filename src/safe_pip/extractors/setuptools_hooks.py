"""What setuptools imports of a source tree because its settings, or the metadata that it brings
along, name it: classes of commands, packages of commands, and plug-ins.

A build finds the tree's own ``*.egg-info`` on the path, and takes the plug-ins that it declares for
installed ones.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from safe_pip.distribution import SourceFile
from safe_pip.extractors.build_system import read_tables

_MAX_BYTES = 1 << 20
_MAX_HOOKS = 1_000
_GROUPS = ("distutils.", "egg_info.", "setuptools.")
_ENTRY_POINT = re.compile(r"\s*[^=\[#]+=\s*([\w.]+)\s*(?::\s*([\w.]+))?")
# Commands that setuptools does not bring along, so that distutils looks for them.
_COMMANDS = ("bdist", "bdist_dumb", "build_scripts", "check", "clean", "config", "install_data",
             "install_headers", "register", "upload")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SetuptoolsHook:
    """``module`` is a dotted name; ``name`` what is called in it, or made, or empty."""

    module: str
    name: str = ""


def setuptools_hooks(files: Mapping[str, SourceFile]) -> tuple[SetuptoolsHook, ...]:
    """What a build by setuptools loads of a source tree with these files, at most 1,000; what a
    set-up script decides when it runs is not among it."""
    found = [
        *_of_settings(files.get("setup.cfg")),
        *_of_project(files.get("pyproject.toml")),
        *_of_metadata(files),
    ]
    return tuple(dict.fromkeys(found[:_MAX_HOOKS]))


def _of_settings(file: SourceFile | None) -> Iterator[SetuptoolsHook]:
    text = _text_of(file)
    if not any(word in text for word in ("cmdclass", "command", "entry_points")):
        return
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = lambda optionstr: optionstr.replace("-", "_")  # type: ignore[method-assign]
    try:
        parser.read_string(text)
    except (configparser.Error, ValueError):
        return  # setuptools reads it by the same parser, and stops.
    for section in parser.sections():
        for name, value in parser.items(section):
            if name == "cmdclass":
                yield from map(_command_class, _values(value))
            elif name == "command_packages":
                for package in _values(value):
                    yield from (SetuptoolsHook(module=f"{package}.{one}") for one in _COMMANDS)
            elif section == "options.entry_points" and name.startswith(_GROUPS):
                yield from _entry_points(value.splitlines())


def _of_project(file: SourceFile | None) -> Iterator[SetuptoolsHook]:
    tables = read_tables(file, ("entry-points",))
    project = tables.get("project")
    groups = project.get("entry-points") if isinstance(project, dict) else None
    for group, points in groups.items() if isinstance(groups, dict) else ():
        if str(group).startswith(_GROUPS) and isinstance(points, dict):
            yield from _entry_points(f"{name}={value}" for name, value in points.items())


def _of_metadata(files: Mapping[str, SourceFile]) -> Iterator[SetuptoolsHook]:
    for path, file in files.items():
        if path.endswith((".egg-info/entry_points.txt", ".dist-info/entry_points.txt")):
            group = ""
            for line in _text_of(file).splitlines():
                if line.strip().startswith("["):
                    group = line.strip().strip("[] ")
                elif group.startswith(_GROUPS):
                    yield from _entry_points((line,))


def _entry_points(lines: Iterable[str]) -> Iterator[SetuptoolsHook]:
    for line in lines:
        if match := _ENTRY_POINT.match(line):
            yield SetuptoolsHook(module=match[1], name=(match[2] or "").partition(".")[0])


def _command_class(name: str) -> SetuptoolsHook:
    module, _, command = name.rpartition(".")
    return SetuptoolsHook(module=module, name=command)


def _values(setting: str) -> list[str]:
    """Of lines, or of what commas part, what is right of the sign of equation."""
    parts = setting.splitlines() if "\n" in setting else setting.split(",")
    return [value for part in parts if (value := part.rpartition("=")[2].strip())]


def _text_of(file: SourceFile | None) -> str:
    if file is None or file.size > _MAX_BYTES:
        return ""
    return file.read().decode("utf-8-sig", "replace")
