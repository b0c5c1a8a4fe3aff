"""How much of a hostile archive is read before it is refused."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from safe_pip.errors import UnscannableError

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one archive. Going over one raises UnscannableError, never a partial reading.

    All sizes are bytes of inflated content. The largest real distributions (ansible: tens of
    thousands of files; torch: a few gigabytes of libraries) stay below each by a factor.
    """

    # ansible 12.3's sdist has 58,474 members, folders included, and is the largest known. Each
    # costs up to 2 kB of our memory, so this many cost 240 MB.
    max_members: int = 120_000
    # The largest libraries in CUDA wheels are about 1.5 GB. Such members are only streamed.
    max_member_bytes: int = 4 * 1024 * MEBIBYTE
    # One file as one object: the largest generated module or JSON table seen is under 60 MB, and
    # two of these at once must fit in 500 MB of memory.
    max_loaded_bytes: int = 128 * MEBIBYTE
    # An index takes files of up to a few GB; beyond this, reading takes minutes.
    max_total_bytes: int = 16 * 1024 * MEBIBYTE
    # Deflate cannot exceed 1,032:1, tables of numbers reach 60:1. Only bombs and files of zeros
    # are above this, and below the floor they do no harm.
    max_ratio: int = 200
    ratio_floor_bytes: int = 64 * MEBIBYTE
    # Linux takes paths of 4,096 bytes; node_modules, the deepest real trees, stay under 40 levels.
    max_path_chars: int = 1_024
    max_path_depth: int = 64
    # The zip directory is parsed into one object a member; this holds 120,000 long names.
    max_zip_directory_bytes: int = 64 * MEBIBYTE
    # Core metadata goes through the standard library's e-mail parser, which needs some ten times
    # its size in memory; the longest known descriptions are under 2 MB.
    max_metadata_bytes: int = 8 * MEBIBYTE
    # Core metadata 2.5 defines 32 fields; the parser's time grows with the square of this.
    max_metadata_fields: int = 1_000
    # RECORD has one row of about 100 bytes a member.
    max_record_bytes: int = 64 * MEBIBYTE
    # xz names its own dictionary size, up to 4 GB; level 9 needs 65 MB.
    max_xz_memory_bytes: int = 128 * MEBIBYTE
    # Content of small members kept as it is, so that it is inflated once. Beyond it, members are
    # inflated again (zip), or text is kept compressed and the rest read again (tar). Together with
    # the model, a scan stays under 500 MB.
    max_kept_text_bytes: int = 64 * MEBIBYTE
    max_kept_binary_bytes: int = 32 * MEBIBYTE
    # Compressed text of one tar: about a gigabyte of source, ten times the largest known.
    max_kept_compressed_bytes: int = 160 * MEBIBYTE
    # Opening a 2 GB wheel takes some 20 s on one slow core.
    max_seconds: float = 180.0


DEFAULT_LIMITS = Limits()


@dataclass(slots=True, kw_only=True)
class Meter:
    """What reading one archive has used of its limits so far."""

    limits: Limits
    members: int = 0
    total_bytes: int = 0
    deadline: float = field(init=False)

    def __post_init__(self) -> None:
        self.deadline = time.monotonic() + self.limits.max_seconds

    def count_member(self) -> None:
        self.members += 1
        if self.members > self.limits.max_members:
            raise UnscannableError(
                f"more than {self.limits.max_members:,} members", reason="too-many-members"
            )
        self.check_time()

    def check_declared_size(self, path: str, size: int) -> None:
        if size > self.limits.max_member_bytes:
            raise UnscannableError(
                f"{path!a}: {size:,} bytes, more than {self.limits.max_member_bytes:,}",
                reason="member-too-large",
            )

    def check_ratio(self, path: str, *, size: int, compressed_size: int) -> None:
        limits = self.limits
        if size > limits.ratio_floor_bytes and size > limits.max_ratio * max(compressed_size, 1):
            raise UnscannableError(
                f"{path!a}: {size:,} bytes from {compressed_size:,}, "
                f"more than {limits.max_ratio}:1",
                reason="compression-ratio",
            )

    def spend(self, size: int) -> None:
        """Count inflated bytes."""
        self.total_bytes += size
        if self.total_bytes > self.limits.max_total_bytes:
            raise UnscannableError(
                f"more than {self.limits.max_total_bytes:,} bytes in all",
                reason="too-many-bytes",
            )
        self.check_time()

    def check_time(self) -> None:
        if time.monotonic() > self.deadline:
            raise UnscannableError(
                f"reading took longer than {self.limits.max_seconds:.0f} s", reason="time-out"
            )
