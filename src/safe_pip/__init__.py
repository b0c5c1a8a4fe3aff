"""safe-pip: inspects what pip fetches before any of its code can run."""

__version__ = "0.1.0"
