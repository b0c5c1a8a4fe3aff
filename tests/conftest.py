"""What all tests share."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is slow for reasons of its own; how long things take is for benchmarks to say.
settings.register_profile("safe-pip", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("safe-pip")


def pytest_make_parametrize_id(
    config: pytest.Config,  # noqa: ARG001
    val: object,
    argname: str,
) -> str | None:
    """Bytes are named by their length: compressed ones hold the time, and the processes that share
    the tests must give them the same names."""
    return f"{argname}-{len(val)}" if isinstance(val, bytes) else None
