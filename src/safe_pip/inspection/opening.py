"""Opening: what is inside an artifact of any origin, as pip and Python will see it.

An archive is more than its members: scripts, inner archives, start-up files and sources in codings
of their own are shown as what is run of them, and what nobody could read is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from safe_pip.archive import Limits, open_distribution
from safe_pip.archive.opening import OWN_TREE_ORIGINS
from safe_pip.artifact import Artifact, OriginKind
from safe_pip.distribution import Distribution, DistributionKind
from safe_pip.errors import UnscannableError
from safe_pip.inspection.build_backend import refuse_unread_backend
from safe_pip.inspection.build_scripts import refuse_unread_build_scripts
from safe_pip.inspection.byte_code import refuse_unread_modules
from safe_pip.inspection.inner_archives import with_inner_modules
from safe_pip.inspection.installed import open_installed
from safe_pip.inspection.own_places import refuse_foreign_places
from safe_pip.inspection.repositories import refuse_repository_commands
from safe_pip.inspection.shadowing import refuse_shadowing
from safe_pip.inspection.source_coding import with_plain_sources
from safe_pip.inspection.startup_places import with_startup_places
from safe_pip.inspection.unread_files import refuse_unread_files, with_unread_scripts
from safe_pip.inspection.unscannable import INSTALLED


@contextmanager
def open_artifact(artifact: Artifact, limits: Limits) -> Iterator[Distribution]:
    """What is inside an artifact. Raises UnscannableError.

    An audit of what is installed refuses nothing for what it is: it tells of it instead.
    """
    if artifact.origin is OriginKind.INSTALLED:
        try:
            yield open_installed(artifact.path, limits)
        except OSError as error:  # Its files are read when they are asked for.
            raise UnscannableError(
                f"{artifact.path} cannot be read: {error.strerror}", reason="unreadable"
            ) from error
        return
    with open_distribution(artifact, limits) as distribution:
        refuse_unread_backend(distribution)
        refuse_unread_build_scripts(distribution)
        refuse_shadowing(distribution)
        seen = _as_it_runs(distribution, limits)
        refuse_unread_modules(seen)
        refuse_unread_files(seen)
        refuse_foreign_places(seen)
        is_own_tree = (
            artifact.origin in OWN_TREE_ORIGINS and distribution.kind is DistributionKind.DIRECTORY
        )
        refuse_repository_commands(seen, is_own_tree=is_own_tree)
        yield seen


def verdict_kind(artifact: Artifact, distribution: Distribution) -> str:
    """The word for a verdict. A Distribution that was installed has a wheel's layout, and is
    none: nobody can tell which archive it came from."""
    is_installed = artifact.origin is OriginKind.INSTALLED
    return INSTALLED if is_installed else distribution.kind.value


def _as_it_runs(distribution: Distribution, limits: Limits) -> Distribution:
    """With more files, or files under more paths, than the archive lists."""
    with_modules = with_inner_modules(with_unread_scripts(distribution), limits)
    return with_plain_sources(with_startup_places(with_modules))
