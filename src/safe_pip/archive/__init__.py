"""Opening wheels, sdists and folders: in memory, bounded, never run, never extracted."""

from safe_pip.archive.limits import DEFAULT_LIMITS, Limits
from safe_pip.archive.opening import open_distribution, read_archive

__all__ = ["DEFAULT_LIMITS", "Limits", "open_distribution", "read_archive"]
