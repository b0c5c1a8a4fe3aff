"""The benign corpus: pinned releases from an index, and the wheels that lie on this machine.

``choose`` pins releases of the projects of benign_projects.toml in benign.json and, of those that
are only there for breadth, in benign_breadth.json; ``fetch`` downloads what both pin; ``local``
pins the wheels in the folders of pip's configuration. Nothing is ever built, unpacked or run.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlparse

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pip._internal.configuration import Configuration
from pip._internal.models.index import PyPI
from tqdm import tqdm
from unearth import PackageFinder
from unearth.evaluator import Package

from model.workspace import MODEL_FOLDER, Workspace, open_workspace, stage_parser

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECTS = MODEL_FOLDER / "benign_projects.toml"
MANIFEST = MODEL_FOLDER / "benign.json"
BREADTH_MANIFEST = MODEL_FOLDER / "benign_breadth.json"
LOCAL_MANIFEST = MODEL_FOLDER / "benign_local.json"
MAX_DOWNLOAD_BYTES = 30_000_000
MAX_LOCAL_BYTES = 60_000_000
# Larger wheels that are read all the same: what a model never saw, it cannot be right about.
LARGE_LOCAL_SAMPLE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One benign file. ``uploaded`` is an ISO date, or empty where the index does not say."""

    project: str
    version: str
    filename: str
    sha256: str
    kind: str
    uploaded: str = ""


def read_manifest(path: Path) -> list[Pin]:
    return [Pin(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


def write_manifest(path: Path, pins: Sequence[Pin]) -> None:
    ordered = sorted(pins, key=lambda pin: (pin.project, pin.filename))
    lines = ",\n".join(json.dumps(asdict(pin)) for pin in ordered)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


@cache
def _pip_settings() -> dict[str, tuple[str, ...]]:
    """The index and find-links settings of pip's own configuration, by key."""
    configuration = Configuration(isolated=False)
    configuration.load()
    settings: dict[str, tuple[str, ...]] = {}
    for values in (dict(configuration.items()), dict(configuration.get_environ_vars())):
        for key, value in values.items():
            pairs = value.items() if isinstance(value, dict) else [(key, value)]
            for name, setting in pairs:
                settings[str(name).split(".")[-1]] = tuple(str(setting).split())
    return settings


def index_urls() -> tuple[str, ...]:
    """The remote indexes of pip's configuration, pip's default if it names none."""
    settings = _pip_settings()
    found = settings.get("index-url", (PyPI.simple_url,)) + settings.get("extra-index-url", ())
    return tuple(url for url in found if not url.startswith("file:"))


def local_folders() -> tuple[list[str], list[str]]:
    """The find-links folders and the ``file:`` indexes of pip's configuration."""
    settings = _pip_settings()
    links = [link for link in settings.get("find-links", ()) if "://" not in link]
    indexes = [url for url in settings.get("extra-index-url", ()) if url.startswith("file:")]
    return links, indexes


def _finder(urls: Sequence[str]) -> PackageFinder:
    return PackageFinder(index_urls=urls, ignore_compatibility=True)


def _version(package: Package) -> Version | None:
    try:
        return Version(package.version or "")
    except InvalidVersion:
        return None


def _spread(versions: Sequence[Version]) -> list[Version]:
    """The oldest, the newest and two in between."""
    last = len(versions) - 1
    return [versions[position] for position in sorted({0, last // 3, 2 * last // 3, last})]


def _wheel_rank(filename: str) -> tuple[bool, bool, str]:
    is_pure = filename.endswith("none-any.whl")
    is_usual = any(tag in filename for tag in ("cp311-manylinux", "abi3-manylinux", "win_amd64"))
    return (not is_pure, not is_usual, filename)


def choose_files(packages: Sequence[Package]) -> Iterator[Package]:
    """Up to five files over four releases: both formats of the newest, alternating before it."""
    by_version: dict[Version, list[Package]] = {}
    for package in packages:
        version = _version(package)
        if version is not None and not package.link.is_yanked:
            by_version.setdefault(version, []).append(package)
    finals = sorted(v for v in by_version if not v.is_prerelease) or sorted(by_version)
    if not finals:
        return
    chosen = _spread(finals)
    for position, version in enumerate(chosen):
        wheels = [p for p in by_version[version] if p.link.is_wheel]
        wheels.sort(key=lambda package: _wheel_rank(package.link.filename))
        sdists = [p for p in by_version[version] if not p.link.is_wheel]
        if version == chosen[-1]:
            yield from [*sdists[:1], *wheels[:1]]
        else:
            preferred = wheels or sdists if position % 2 else sdists or wheels
            yield from preferred[:1]


def _pin(package: Package, project: str, kind: str) -> Pin | None:
    digest = package.link.hash_option or {}
    sha256 = next(iter(digest.get("sha256", [])), None)
    if sha256 is None:
        return None
    uploaded = package.link.upload_time
    return Pin(
        project=canonicalize_name(project),
        version=package.version or "",
        filename=package.link.filename,
        sha256=sha256,
        kind=kind,
        uploaded=uploaded.date().isoformat() if uploaded else "",
    )


def choose(table: str) -> list[Pin]:
    """Pins for every project of a table of benign_projects.toml."""
    chosen = tomllib.loads(PROJECTS.read_text(encoding="utf-8"))[table]
    return choose_releases([(kind, name) for kind, names in chosen.items() for name in names])


def choose_releases(wanted: Sequence[tuple[str, str]]) -> list[Pin]:
    """Pins for (kind, project) pairs; compromised releases are never chosen."""
    chosen = tomllib.loads(PROJECTS.read_text(encoding="utf-8"))
    compromised = {name: SpecifierSet("" if s == "*" else s)
                   for name, s in chosen["compromised"].items()}  # fmt: skip
    finder = _finder(index_urls())
    pins: list[Pin] = []
    for kind, name in tqdm(wanted, desc="choosing releases", unit="project"):
        packages = [
            package
            for package in finder.find_all_packages(name)
            if (found := _version(package)) is not None
            and not compromised.get(canonicalize_name(name), SpecifierSet("<0")).contains(
                found, prereleases=True
            )
        ]
        pins += [pin for p in choose_files(packages) if (pin := _pin(p, name, kind))]
    return pins


def _download(finder: PackageFinder, pin: Pin, folder: Path) -> str:
    """Fetch one pinned file; gives what happened in a word."""
    target = folder / pin.sha256
    if target.exists():
        return "cached"
    for package in finder.find_all_packages(pin.project):
        if package.link.filename != pin.filename:
            continue
        content = bytearray()
        with finder.session.get_stream(package.link.normalized) as response:
            response.raise_for_status()
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > MAX_DOWNLOAD_BYTES:
                    return "too large"
        if hashlib.sha256(content).hexdigest() != pin.sha256:
            return "wrong digest"
        partial = target.with_suffix(".part")
        partial.write_bytes(content)
        partial.rename(target)
        return "fetched"
    return "not on the index"


def fetch(workspace: Workspace, pins: Sequence[Pin]) -> dict[str, int]:
    """Download every pinned file that is not yet in the work folder; counts by outcome."""
    by_project: dict[str, list[Pin]] = {}
    for pin in pins:
        by_project.setdefault(pin.project, []).append(pin)

    def fetch_project(pins: list[Pin]) -> list[str]:
        # A finder a project: it keeps one connection and remembers the project's index page.
        finder = _finder(index_urls())
        outcomes = []
        for pin in pins:
            try:
                outcomes.append(_download(finder, pin, workspace.downloads))
            except Exception as error:  # one project's network trouble must not end the run
                tqdm.write(f"{pin.filename}: {type(error).__name__}: {error}"[:200])
                outcomes.append("failed")
        return outcomes

    counts: dict[str, int] = {}
    with ThreadPoolExecutor(max_workers=3) as pool:
        finished = pool.map(fetch_project, by_project.values())
        for outcomes in tqdm(finished, total=len(by_project), desc="fetching", unit="project"):
            for outcome in outcomes:
                counts[outcome] = counts.get(outcome, 0) + 1
    return counts


def local_wheels() -> dict[str, Path]:
    """The wheels in the local folders of pip's configuration, by file name."""
    links, indexes = local_folders()
    found = {path.name: path for link in links for path in Path(link).glob("*.whl")}
    for index in indexes:
        finder = _finder([index])
        for project in sorted(Path(unquote(urlparse(index).path)).iterdir()):
            for package in finder.find_all_packages(project.name):
                if package.link.is_wheel:
                    found[package.link.filename] = Path(package.link.file_path)
    return found


def pin_local() -> list[Pin]:
    """Pins for the local wheels; of those over 60 MB only the few smallest are kept."""
    paths = local_wheels()
    by_size = sorted(paths.items(), key=lambda item: item[1].stat().st_size)
    small = [item for item in by_size if item[1].stat().st_size <= MAX_LOCAL_BYTES]
    pins = []
    for filename, path in tqdm(by_size[: len(small) + LARGE_LOCAL_SAMPLE], unit="wheel"):
        project, version = filename.split("-")[:2]
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        pins.append(
            Pin(
                project=canonicalize_name(project),
                version=version,
                filename=filename,
                sha256=sha256,
                kind="local",
            )
        )
    return pins


def main() -> None:
    parser = stage_parser("model.benign", "Choose, fetch and list the benign corpus.")
    parser.add_argument("step", choices=("choose", "fetch", "local"))
    arguments = parser.parse_args()
    workspace = open_workspace(arguments)
    match arguments.step:
        case "choose":
            for table, manifest in (("projects", MANIFEST), ("breadth", BREADTH_MANIFEST)):
                pins = choose(table)
                write_manifest(manifest, pins)
                print(f"{len(pins)} files of {len({pin.project for pin in pins})} projects pinned")
        case "fetch":
            pins = [*read_manifest(MANIFEST), *read_manifest(BREADTH_MANIFEST)]
            for outcome, count in sorted(fetch(workspace, pins).items()):
                print(f"{outcome}: {count}")
        case "local":
            pins = pin_local()
            write_manifest(LOCAL_MANIFEST, pins)
            print(f"{len(pins)} local wheels pinned")


if __name__ == "__main__":
    main()
