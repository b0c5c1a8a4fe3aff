"""Pickled data that calls functions when it is loaded.

A pickle is a program for a machine of its own. Model files are pickles, often inside of a zip,
and a payload in one runs wherever the model is loaded.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator

from safe_pip.distribution import Distribution, SourceFile
from safe_pip.evidence import Evidence, Location
from safe_pip.extractors.file_kinds import FileKind, file_kind
from safe_pip.feature import Feature, Fold, Group

FEATURES = (
    Feature(
        name="pickle_calls",
        group=Group.FILE,
        fold=Fold.ANY,
        is_monotone=True,
        reason="a model that starts a shell when it is loaded was in a release of 2025",
        says="ships pickled data that starts programs or executes code when it is loaded",
    ),
)

_MODULES = "os posix nt subprocess builtins __builtin__ pty runpy commands code"
_FUNCTIONS = (
    "system popen exec eval execfile compile __import__ Popen run call check_call check_output "
    "getoutput run_path run_module spawn spawnl spawnv execv execve startfile interact"
)
_MODULE = "|".join(_MODULES.split()).encode()
_FUNCTION = "|".join(_FUNCTIONS.split()).encode()
# GLOBAL has both names in lines; STACK_GLOBAL takes two short strings, each perhaps memoized.
_CALLED = re.compile(
    rb"c(?:%b)\n(%b)\n" % (_MODULE, _FUNCTION)
    + rb"|\x8c[\x02-\x0b](?:%b)(?:\x94|q.|r....)?\x8c[\x03-\x0e](%b)(?:\x94|q.|r....)?\x93"
    % (_MODULE, _FUNCTION),
    re.DOTALL,
)
_PICKLE_NAMES = (".pkl", ".pickle", ".p", ".sav", ".joblib", ".model")
_PICKLE_START = re.compile(rb"\x80[\x02-\x05]")
_MAX_PICKLE_BYTES = 64 * 1024 * 1024
_MAX_ENTRIES, _MAX_PICKLES = 100_000, 16


def observe(distribution: Distribution) -> Iterator[Evidence]:
    """Evidence about pickles among the data files.

    Raises UnscannableError when a member cannot be read.
    """
    for file in distribution.files:
        if file.path.endswith((".py", ".pyc")) or file.size > _MAX_PICKLE_BYTES:
            continue
        if file_kind(file) is FileKind.ZIP:
            pickles = _zipped_pickles(file)
        elif _PICKLE_START.match(file.head(2)) or file.path.endswith(_PICKLE_NAMES):
            pickles = iter((file.read(),))
        else:
            continue
        function = next(filter(None, map(called_function, pickles)), "")
        if function:
            yield Evidence(
                feature="pickle_calls",
                location=Location(path=file.path),
                detail=f"calls {function} when it is loaded",
            )


def called_function(pickle: bytes) -> str:
    """The first function of those that act which a pickle calls; the empty string if none."""
    found = _CALLED.search(pickle)
    return (found.group(1) or found.group(2)).decode() if found else ""


def _zipped_pickles(file: SourceFile) -> Iterator[bytes]:
    """The pickles in a model file, which is a zip with a ``data.pkl``."""
    data = file.read()
    if b".pkl" not in data or data.count(b"PK\x01\x02") > _MAX_ENTRIES:
        return
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        pickles = [member for member in archive.infolist() if member.filename.endswith(".pkl")]
        for member in pickles[:_MAX_PICKLES]:
            if member.file_size <= _MAX_PICKLE_BYTES:
                yield archive.read(member)
    except (
        zipfile.BadZipFile,
        struct.error,
        zlib.error,
        ArithmeticError,
        EOFError,
        LookupError,
        NotImplementedError,
        OSError,
        RuntimeError,
        ValueError,
    ):
        return  # Nothing that reads zips finds a pickle in it either.
