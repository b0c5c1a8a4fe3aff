"""Wheels, sdists and raw archives for tests: harmless, deterministic, built in memory.

Each ``make_…`` gives bytes; each ``write_…`` puts them under the right file name in a folder and
gives the path.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import lzma
import tarfile
import zipfile
from bz2 import compress as bz2_compress
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

Content = bytes | str
SdistFormat = Literal["gztar", "bztar", "xztar", "tar", "zip"]

SDIST_SUFFIXES: Mapping[SdistFormat, str] = {
    "gztar": ".tar.gz",
    "bztar": ".tar.bz2",
    "xztar": ".tar.xz",
    "tar": ".tar",
    "zip": ".zip",
}
_ZIP_DATE = (2024, 1, 1, 0, 0, 0)
_TAR_MTIME = 1_704_067_200


def core_metadata(
    name: str, version: str, *, headers: Mapping[str, str] | None = None, description: str = ""
) -> str:
    """A METADATA or PKG-INFO file; ``headers`` adds or replaces fields."""
    fields = {"Metadata-Version": "2.1", "Name": name, "Version": version, **(headers or {})}
    lines = [f"{field}: {value}" for field, value in fields.items()]
    return "\n".join([*lines, "", description])


def wheel_filename(name: str, version: str, *, tag: str = "py3-none-any") -> str:
    return f"{_escaped(name)}-{version}-{tag}.whl"


def sdist_filename(name: str, version: str, *, format: SdistFormat = "gztar") -> str:
    return f"{_escaped(name)}-{version}{SDIST_SUFFIXES[format]}"


def make_wheel(
    name: str = "demo",
    version: str = "1.0",
    *,
    files: Mapping[str, Content] | None = None,
    metadata: Content | None = None,
    headers: Mapping[str, str] | None = None,
    description: str = "",
    entry_points: str | None = None,
    tag: str = "py3-none-any",
    record: bool | Content = True,
) -> bytes:
    """An installable wheel; without ``files`` it holds one empty package.

    ``metadata`` replaces METADATA whole. ``record=False`` leaves RECORD out; text replaces it.
    """
    package = _escaped(name)
    dist_info = f"{package}-{version}.dist-info"
    default: dict[str, Content] = {f"{package}/__init__.py": ""}
    members = dict(files if files is not None else default)
    if metadata is None:
        metadata = core_metadata(name, version, headers=headers, description=description)
    is_pure = str(tag.endswith("-none-any")).lower()
    members[f"{dist_info}/METADATA"] = metadata
    members[f"{dist_info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: {is_pure}\nTag: {tag}\n"
    )
    if entry_points is not None:
        members[f"{dist_info}/entry_points.txt"] = entry_points
    if record is True:
        members[f"{dist_info}/RECORD"] = record_text(members, f"{dist_info}/RECORD")
    elif record is not False:
        members[f"{dist_info}/RECORD"] = record
    return make_zip(members.items())


def record_text(files: Mapping[str, Content], record_path: str) -> str:
    rows = []
    for path, content in files.items():
        data = _bytes(content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.append(f"{_csv_field(path)},sha256={digest},{len(data)}\n")
    return "".join([*rows, f"{_csv_field(record_path)},,\n"])


def make_sdist(
    name: str = "demo",
    version: str = "1.0",
    *,
    files: Mapping[str, Content] | None = None,
    metadata: Content | None = None,
    headers: Mapping[str, str] | None = None,
    description: str = "",
    format: SdistFormat = "gztar",
    pkg_info: bool = True,
    top_folder: str | None = None,
) -> bytes:
    """A buildable sdist; ``files`` are relative to its top folder.

    Where neither ``setup.py`` nor ``pyproject.toml`` is given, a pyproject.toml that builds with
    setuptools is added. ``top_folder=""`` puts the files at the root.
    """
    package = _escaped(name)
    default: dict[str, Content] = {f"{package}/__init__.py": ""}
    members = dict(files if files is not None else default)
    if "setup.py" not in members and "pyproject.toml" not in members:
        members["pyproject.toml"] = setuptools_pyproject(name, version)
    if pkg_info:
        if metadata is None:
            metadata = core_metadata(name, version, headers=headers, description=description)
        members["PKG-INFO"] = metadata
    top = f"{package}-{version}" if top_folder is None else top_folder
    entries = [(f"{top}/{path}" if top else path, content) for path, content in members.items()]
    if format == "zip":
        return make_zip(entries)
    return compress_tar(make_tar(entries), format)


def setuptools_pyproject(name: str, version: str) -> str:
    return (
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n\n'
        f'[project]\nname = "{name}"\nversion = "{version}"\n'
    )


def write_wheel(
    folder: Path,
    name: str = "demo",
    version: str = "1.0",
    *,
    tag: str = "py3-none-any",
    files: Mapping[str, Content] | None = None,
    metadata: Content | None = None,
    headers: Mapping[str, str] | None = None,
    description: str = "",
    entry_points: str | None = None,
    record: bool | Content = True,
) -> Path:
    """``make_wheel`` into a folder, under its proper name."""
    path = folder / wheel_filename(name, version, tag=tag)
    path.write_bytes(
        make_wheel(
            name,
            version,
            files=files,
            metadata=metadata,
            headers=headers,
            description=description,
            entry_points=entry_points,
            tag=tag,
            record=record,
        )
    )
    return path


def write_sdist(
    folder: Path,
    name: str = "demo",
    version: str = "1.0",
    *,
    format: SdistFormat = "gztar",
    files: Mapping[str, Content] | None = None,
    metadata: Content | None = None,
    headers: Mapping[str, str] | None = None,
    description: str = "",
    pkg_info: bool = True,
    top_folder: str | None = None,
) -> Path:
    """``make_sdist`` into a folder, under its proper name."""
    path = folder / sdist_filename(name, version, format=format)
    path.write_bytes(
        make_sdist(
            name,
            version,
            files=files,
            metadata=metadata,
            headers=headers,
            description=description,
            format=format,
            pkg_info=pkg_info,
            top_folder=top_folder,
        )
    )
    return path


def write_tree(folder: Path, files: Mapping[str, Content]) -> Path:
    """The files under the folder, which is made if need be."""
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_bytes(content))
    return folder


def zip_member(
    name: str, *, mode: int = 0o100644, compression: int = zipfile.ZIP_DEFLATED
) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, date_time=_ZIP_DATE)
    info.external_attr = mode << 16
    info.compress_type = compression
    return info


def make_zip(
    entries: Iterable[tuple[str | zipfile.ZipInfo, Content]], *, comment: bytes = b""
) -> bytes:
    """A zip of exactly these entries, in this order, repeated names included."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in entries:
            info = zip_member(entry) if isinstance(entry, str) else entry
            archive.writestr(info, _bytes(content))
        archive.comment = comment
    return buffer.getvalue()


def tar_member(
    name: str, *, type: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = type
    info.linkname = link
    info.mode = mode
    info.mtime = _TAR_MTIME
    return info


def make_tar(
    entries: Iterable[tuple[str | tarfile.TarInfo, Content]], *, format: int = tarfile.PAX_FORMAT
) -> bytes:
    """An uncompressed tar of exactly these entries, in this order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as archive:
        for entry, content in entries:
            info = tar_member(entry) if isinstance(entry, str) else entry
            data = _bytes(content)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def compress_tar(data: bytes, format: SdistFormat) -> bytes:
    match format:
        case "gztar":
            return gzip.compress(data, mtime=_TAR_MTIME)
        case "bztar":
            return bz2_compress(data)
        case "xztar":
            return lzma.compress(data)
        case "tar":
            return data
        case "zip":
            raise ValueError("a zip is not a compressed tar")


def _escaped(name: str) -> str:
    return name.replace("-", "_").replace(".", "_")


def _bytes(content: Content) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _csv_field(path: str) -> str:
    return f'"{path}"' if "," in path else path
