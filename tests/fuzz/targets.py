"""What is fuzzed: functions of bytes that may refuse them, and must not fail in another way."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from safe_pip.archive import DEFAULT_LIMITS, read_archive
from safe_pip.cache.encoding import EncodingError, decode_verdict, parse_json
from safe_pip.distribution import DistributionKind
from safe_pip.errors import GateError, PolicyError, UnscannableError
from safe_pip.extractors import observe
from safe_pip.gates.protocol import parse_message
from safe_pip.policy.loading import find_project_file, read_policy_file
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
_CODE_PATHS = ("setup.py", "demo/__init__.py", "demo.pth", "pyproject.toml", "PKG-INFO")


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
    """Any file of any kind can be observed."""
    path = _CODE_PATHS[len(data) % len(_CODE_PATHS)]
    is_wheel = path in ("demo.pth", "demo/__init__.py")
    kind = DistributionKind.WHEEL if is_wheel else DistributionKind.SDIST
    observe(replace(distribution_of({path: data}), kind=kind))


def fuzz_protocol(data: bytes) -> None:
    """What a pip, or who poses as one, says; and what a worker, or a cache, says."""
    with contextlib.suppress(GateError):
        parse_message(data)
    with contextlib.suppress(EncodingError):
        decode_verdict(parse_json(data))


def fuzz_policy(data: bytes) -> None:
    """A policy file, by itself and as the one of a project that somebody else made."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("safe-pip.toml", "pyproject.toml"):
            path = Path(folder) / name
            path.write_bytes(data)
            for read in (read_policy_file, lambda file: find_project_file(file.parent)):
                try:
                    read(path)
                except PolicyError as error:
                    assert str(error)
            path.unlink()


TARGETS: Mapping[str, Target] = {
    "archive": fuzz_archive,
    "code": fuzz_code,
    "protocol": fuzz_protocol,
    "policy": fuzz_policy,
}


def seeds(target: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((CORPUS / target).iterdir())]
