"""The core metadata of a distribution, as far as it can be had without running anything."""

from __future__ import annotations

import configparser
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser

from packaging.metadata import parse_email

from safe_pip.archive.limits import Limits
from safe_pip.distribution import SourceFile
from safe_pip.errors import UnscannableError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# packaging names fields as Python attributes, in the plural where there may be several.
_HEADER_OF_ATTRIBUTE = {
    "classifiers": "classifier",
    "import_names": "import-name",
    "import_namespaces": "import-namespace",
    "license_files": "license-file",
    "platforms": "platform",
    "project_urls": "project-url",
    "supported_platforms": "supported-platform",
}
_HEADER_OF_SETUP_CFG_KEY = {
    "description": "summary",
    "license_files": "license-file",
    "url": "home-page",
    "classifiers": "classifier",
    "project_urls": "project-url",
}
_SEVERAL_IN_SETUP_CFG = frozenset({"classifiers", "project_urls", "license_files"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreMetadata:
    """``headers``: lower-case field to values in order, without the description."""

    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    description: str = ""

    def header(self, name: str) -> str:
        return next(iter(self.headers.get(name, ())), "")


def read_metadata(files: Mapping[str, SourceFile], limits: Limits) -> CoreMetadata:
    """Metadata of an sdist or a folder: PKG-INFO, else what pyproject.toml or setup.cfg state.

    Empty where there is none. Raises UnscannableError for a file too large to be metadata.
    """
    sources = [
        ("PKG-INFO", parse_core_metadata),
        ("pyproject.toml", parse_pyproject),
        ("setup.cfg", parse_setup_cfg),
        *((path, parse_core_metadata) for path in _egg_infos(files)),
    ]
    for path, parse in sources:
        if path in files:
            metadata = parse(read_bounded(files[path], limits))
            if metadata.header("name"):
                return metadata
    return CoreMetadata()


def read_bounded(file: SourceFile, limits: Limits) -> bytes:
    if file.size > limits.max_metadata_bytes:
        raise UnscannableError(
            f"{file.path!a}: {file.size:,} bytes of metadata", reason="metadata-too-large"
        )
    data = file.read()
    # The parser looks at all fields once for each field name.
    fields = _field_names(data)
    if len(fields) > limits.max_metadata_fields:
        raise UnscannableError(
            f"{file.path!a} has {len(fields):,} different fields", reason="metadata-too-large"
        )
    return data


def parse_core_metadata(data: bytes) -> CoreMetadata:
    """METADATA or PKG-INFO. What is malformed is kept as text; this never fails."""
    try:
        raw, unparsed = parse_email(data)
    except (AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        # The e-mail parser takes some hostile files for messages of several parts.
        message = BytesHeaderParser().parsebytes(data)
        fields = ((name.lower(), str(value)) for name, value in message.items())
        return CoreMetadata(headers=_collected(fields))
    headers = list(_fields_of(raw))
    headers += [(name, value) for name, values in unparsed.items() for value in values]
    description = [value for name, value in headers if name == "description"]
    return CoreMetadata(
        headers=_collected((name, value) for name, value in headers if name != "description"),
        description=description[0] if description else "",
    )


def parse_pyproject(data: bytes) -> CoreMetadata:
    """The static fields of ``[project]`` under their core-metadata names (PEP 621)."""
    try:
        document = tomllib.loads(data.decode("utf-8", "replace"))
    except (RecursionError, ValueError):
        return CoreMetadata()
    project = document.get("project")
    if not isinstance(project, dict):
        return CoreMetadata()
    readme = project.get("readme")
    text = readme.get("text") if isinstance(readme, dict) else None
    return CoreMetadata(
        headers=_collected(_project_fields(project)),
        description=text if isinstance(text, str) else "",
    )


def parse_setup_cfg(data: bytes) -> CoreMetadata:
    """The ``[metadata]`` of setup.cfg; directives such as ``file: README`` are not followed."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(data.decode("utf-8", "replace"))
    except (configparser.Error, ValueError):
        return CoreMetadata()
    if not parser.has_section("metadata"):
        return CoreMetadata()
    return CoreMetadata(headers=_collected(_setup_cfg_fields(parser["metadata"])))


def _field_names(data: bytes) -> set[bytes]:
    names = set()
    for line in data.splitlines():
        if not line:
            break
        if not line[:1].isspace():
            names.add(line.split(b":", 1)[0])
    return names


def _fields_of(raw: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for attribute, value in raw.items():
        name = _HEADER_OF_ATTRIBUTE.get(attribute, attribute.replace("_", "-"))
        match value:
            case str():
                yield name, value
            case list() if name == "keywords":
                yield name, ",".join(value)
            case list():
                yield from ((name, item) for item in value)
            case dict():
                yield from ((name, f"{label}, {url}") for label, url in value.items())


def _project_fields(project: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for key, name in (
        ("name", "name"),
        ("version", "version"),
        ("description", "summary"),
        ("requires-python", "requires-python"),
    ):
        if isinstance(value := project.get(key), str):
            yield name, value
    licence = project.get("license")
    if isinstance(licence, str):
        yield "license-expression", licence
    elif isinstance(licence, dict) and isinstance(licence.get("text"), str):
        yield "license", licence["text"]
    if keywords := ",".join(_strings(project.get("keywords"))):
        yield "keywords", keywords
    for key, name in (
        ("classifiers", "classifier"),
        ("dependencies", "requires-dist"),
        ("dynamic", "dynamic"),
    ):
        yield from ((name, value) for value in _strings(project.get(key)))
    for role in ("author", "maintainer"):
        yield from _people(role, project.get(f"{role}s"))
    urls = project.get("urls")
    if isinstance(urls, dict):
        yield from (("project-url", f"{label}, {url}") for label, url in urls.items())
    extras = project.get("optional-dependencies")
    if isinstance(extras, dict):
        for extra, requirements in extras.items():
            yield "provides-extra", extra
            for requirement in _strings(requirements):
                yield "requires-dist", f'{requirement}; extra == "{extra}"'


def _people(role: str, people: object) -> Iterator[tuple[str, str]]:
    for person in people if isinstance(people, list) else ():
        if not isinstance(person, dict):
            continue
        name, email = person.get("name"), person.get("email")
        if isinstance(email, str):
            yield f"{role}-email", f"{name} <{email}>" if isinstance(name, str) else email
        elif isinstance(name, str):
            yield role, name


def _setup_cfg_fields(section: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for key, value in section.items():
        key = key.replace("-", "_")
        name = _HEADER_OF_SETUP_CFG_KEY.get(key, key.replace("_", "-"))
        if value.startswith(("file:", "attr:")):
            continue
        if key in _SEVERAL_IN_SETUP_CFG:
            lines = (line.strip() for line in value.splitlines())
            yield from ((name, line.replace(" = ", ", ", 1)) for line in lines if line)
        elif value:
            yield name, value


def _strings(values: object) -> list[str]:
    return [v for v in values if isinstance(v, str)] if isinstance(values, list) else []


def _collected(fields: Iterator[tuple[str, str]]) -> Mapping[str, tuple[str, ...]]:
    headers: dict[str, list[str]] = defaultdict(list)
    for name, value in fields:
        headers[name].append(value)
    return {name: tuple(values) for name, values in headers.items()}


def _egg_infos(files: Mapping[str, SourceFile]) -> list[str]:
    """Metadata that setuptools left behind, at the root or under a source folder."""
    paths = [path for path in files if path.endswith(".egg-info/PKG-INFO")]
    return sorted((p for p in paths if p.count("/") <= 2), key=lambda p: (p.count("/"), p))
