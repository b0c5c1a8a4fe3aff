"""What is fuzzed: functions of bytes that may refuse them, and must not fail in another way."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import re
import socket
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from keyword import iskeyword
from pathlib import Path

from safe_pip.archive import DEFAULT_LIMITS, read_archive
from safe_pip.cache.encoding import EncodingError, decode_verdict, parse_json
from safe_pip.distribution import DistributionKind
from safe_pip.errors import GateError, PolicyError, UnscannableError
from safe_pip.extractors import observe
from safe_pip.gates.pip_guard import Guard
from safe_pip.gates.pip_line import Line
from safe_pip.gates.pip_signals import (
    html_status,
    is_young,
    json_status,
    split_page,
    utc_time,
    version_of,
)
from safe_pip.gates.pip_tripwire import Tripwire
from safe_pip.gates.protocol import parse_message
from safe_pip.policy.loading import find_project_file, read_policy_file
from safe_pip.threats.osv import FeedError, _reports
from tests.reading import SDIST, WHEEL, ZIP_SDIST
from tests.sources import distribution_of

CORPUS = Path(__file__).parent / "corpus"
Target = Callable[[bytes], None]

_LIMITS = replace(
    DEFAULT_LIMITS,
    max_total_bytes=20_000_000,
    max_member_bytes=10_000_000,
    max_loaded_bytes=10_000_000,
    max_seconds=20.0,
)
_ARCHIVE_NAMES = (SDIST, WHEEL, ZIP_SDIST, "demo")
_CODE_PATHS = (
    "setup.py", "demo/__init__.py", "demo.pth", "demo/held.py", "pyproject.toml", "PKG-INFO",
)  # fmt: skip


def fuzz_archive(data: bytes) -> None:
    """Any bytes open, and give as much as they say, or are refused."""
    try:
        with read_archive(data, _ARCHIVE_NAMES[len(data) % 4], _LIMITS) as distribution:
            for file in distribution.files:
                assert len(file.read()) == file.size
                assert sum(map(len, file.chunks())) == file.size
                assert not file.path.startswith("/")
                assert ".." not in file.path.split("/")
    except UnscannableError as error:
        assert error.reason


def fuzz_code(data: bytes) -> None:
    """Any file of any kind can be observed, and so can a module that others ask for names."""
    path = _CODE_PATHS[len(data) % len(_CODE_PATHS)]
    is_wheel = path.startswith("demo")
    kind = DistributionKind.WHEEL if is_wheel else DistributionKind.SDIST
    files = {path: data}
    if path == "demo/held.py":
        names = re.findall(rb"[a-z_]\w*", data)[:20]
        wanted = ", ".join(name.decode() for name in names if not iskeyword(name.decode())) or "x"
        files["demo/__init__.py"] = f"from .held import {wanted}\nprint({wanted})\n".encode()
        files["demo/acts.py"] = b"import os\ndef run(command=''):\n    os.system(command)\n"
    observe(replace(distribution_of(files), kind=kind))


def fuzz_protocol(data: bytes) -> None:
    """What a pip, or who poses as one, says; and what a worker, or a cache, says."""
    with contextlib.suppress(GateError):
        parse_message(data)
    with contextlib.suppress(EncodingError):
        decode_verdict(parse_json(data))


def fuzz_answer(data: bytes) -> None:
    """What a pip is told: whatever it is, only the digest of the file itself lets it pass."""
    here, there = socket.socketpair()
    with here, there:
        there.settimeout(5)
        there.sendall(data)
        there.shutdown(socket.SHUT_WR)
        guard = Guard(Line(here), Tripwire(""), _Blocked, ())
        with contextlib.suppress(_Blocked):
            guard._need([{"path": __file__}])
            guard.last_look(__file__)
            assert _own_digest() in data.decode(errors="replace")


def fuzz_index(data: bytes) -> None:
    """What an index says of a project, and what a list of known malware says."""
    json_status(data)
    html_status(data)
    text = data.decode(errors="replace")
    if (time := utc_time(text)) is not None:
        is_young(time)
    split_page(text)
    version_of(text)
    with contextlib.suppress(FeedError):
        for report in _reports("MAL-1.json", data):
            report.covers("1.0")


def fuzz_policy(data: bytes) -> None:
    """A policy file, by itself and as the one of a project that somebody else made."""
    folder = _own_folder()
    for name in ("safe-pip.toml", "pyproject.toml"):
        path = folder / name
        path.write_bytes(data)
        for read in (read_policy_file, lambda file: find_project_file(file.parent)):
            try:
                read(path)
            except PolicyError as error:
                assert str(error)
        path.unlink()


class _Blocked(Exception):
    pass


@functools.cache
def _own_digest() -> str:
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


@functools.cache
def _own_folder() -> Path:
    """One for the process: to make and remove a folder takes longer than all the rest."""
    return Path(tempfile.mkdtemp(prefix="fuzz-policy-"))


TARGETS: Mapping[str, Target] = {
    "archive": fuzz_archive,
    "code": fuzz_code,
    "protocol": fuzz_protocol,
    "answer": fuzz_answer,
    "index": fuzz_index,
    "policy": fuzz_policy,
}


def seeds(target: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((CORPUS / target).iterdir())]
