"""Derive the list of common hosts that ships with the package: ``python -m model.common_hosts``.

A host that several benign projects name is nobody's secret collector. Only projects of training
and validation are read, so that test stays unseen.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from joblib import Parallel, delayed
from tqdm import tqdm

from model.benign import BREADTH_MANIFEST, LOCAL_MANIFEST, MANIFEST, Pin, read_manifest
from model.dataset import benign_paths
from model.observing import opened
from model.plan import Split, split_of_project
from model.popular_names import PACKAGE_FOLDER, compact
from model.workspace import open_workspace, stage_parser
from safe_pip.errors import SafePipError
from safe_pip.extractors.hosts import (
    COMMON_HOSTS,
    kind_of_name,
    name_digest,
    registered_domain,
)

MIN_PROJECTS = 3
MAX_BYTES = 8_000_000
# Anybody can have a host of their own there: the whole host counts.
SHARED_DOMAINS = frozenset(
    """amazonaws.com appspot.com azureedge.net azurewebsites.net blogspot.com cloudapp.net
    cloudfront.net github.io gitlab.io googleusercontent.com herokuapp.com js.org netlify.com
    pages.dev vercel.app weebly.com windows.net wordpress.com workers.dev""".split()  # noqa: SIM905
)
_RESERVED = (".example", ".invalid", ".test", ".localhost", ".local")
_TEXT_SUFFIXES = (".py", ".md", ".rst", ".txt", ".toml", ".cfg", "METADATA", "PKG-INFO")
_HOST = re.compile(rb"://((?:[a-z0-9_-]{1,63}\.)+[a-z]{2,24})(?=[/:'\"\s?#),]|$)", re.IGNORECASE)


def named_domains(path: Path, filename: str) -> frozenset[str]:
    """The registered domains, or the hosts on SHARED_DOMAINS, in the URLs of an archive's texts;
    none if it cannot be read."""
    hosts: set[bytes] = set()
    try:
        with opened(path.read_bytes(), filename) as distribution:
            for file in distribution.files:
                if file.path.endswith(_TEXT_SUFFIXES):
                    hosts.update(match.group(1).lower() for match in _HOST.finditer(file.read()))
    except SafePipError:
        return frozenset()
    names = (host.decode() for host in hosts)
    return frozenset(
        whole if (domain := registered_domain(whole)) in SHARED_DOMAINS else domain
        for whole in names
        if kind_of_name(whole) is None and not whole.endswith(_RESERVED) and whole[:2] != "s3"
    )


def common_domains(by_project: Mapping[str, Iterable[str]]) -> list[str]:
    """What at least MIN_PROJECTS projects name, in alphabetical order."""
    counts = Counter(domain for domains in by_project.values() for domain in set(domains))
    return sorted(domain for domain, count in counts.items() if count >= MIN_PROJECTS)


def main() -> None:
    parser = stage_parser("model.common_hosts", "List the hosts that several projects name.")
    workspace = open_workspace(parser.parse_args())
    paths = benign_paths(workspace)
    pins: dict[str, Pin] = {}
    manifests = (MANIFEST, BREADTH_MANIFEST, LOCAL_MANIFEST)
    for pin in (pin for manifest in manifests for pin in read_manifest(manifest)):
        is_small = pin.sha256 in paths and paths[pin.sha256].stat().st_size <= MAX_BYTES
        if is_small and split_of_project(pin.project) is not Split.TEST:
            pins[pin.sha256] = pin
    found = Parallel(n_jobs=workspace.jobs, return_as="generator")(
        delayed(named_domains)(paths[sha256], pin.filename) for sha256, pin in pins.items()
    )
    by_project: dict[str, set[str]] = {}
    for pin, domains in zip(pins.values(), tqdm(found, total=len(pins)), strict=True):
        by_project.setdefault(pin.project, set()).update(domains)
    domains = common_domains(by_project)
    date = max(pin.uploaded for pin in pins.values())[:10]
    origin = (
        f"Digests of domains in URLs of at least {MIN_PROJECTS} of {len(by_project)} benign "
        f"projects, releases until {date}; python -m model.common_hosts"
    )
    digests = sorted(map(name_digest, domains))
    (PACKAGE_FOLDER / COMMON_HOSTS).write_bytes(compact(origin, digests))
    print(f"{COMMON_HOSTS}: {len(domains)} domains")


if __name__ == "__main__":
    main()
