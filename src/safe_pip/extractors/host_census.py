"""Which hosts a distribution's code names, and in how many of its files."""

from __future__ import annotations

import re
from collections import Counter

from safe_pip.extractors.hosts import registered_domain

MIN_OTHER_DOMAINS = 3
_HOST = re.compile(rb"://([A-Za-z0-9._-]{4,253})")
_MAX_DOMAINS = 20_000


class HostCensus:
    """Counts, for each registered domain, the files that name it in a URL.

    A service that a package is a client of is named all over it; a collector that somebody has
    put into it is named once, among the addresses of the service.
    """

    def __init__(self) -> None:
        self._n_files: Counter[str] = Counter()

    def see(self, data: bytes) -> None:
        """Counts one file's domains."""
        if b"://" in data and len(self._n_files) < _MAX_DOMAINS:
            hosts = {match.lower() for match in _HOST.findall(data)}
            self._n_files.update({registered_domain(host.decode().rstrip(".")) for host in hosts})

    def is_odd(self, host: str) -> bool:
        """Whether at most one file names the host's domain, and the distribution names others."""
        domain = registered_domain(host)
        n_others = len(self._n_files) - (domain in self._n_files)
        return self._n_files[domain] <= 1 and n_others >= MIN_OTHER_DOMAINS
