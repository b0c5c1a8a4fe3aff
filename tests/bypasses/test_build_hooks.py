"""A build frontend calls hooks by name: however a back end gives them, they run while building."""

from __future__ import annotations

import pytest

from tests.sources import code_evidence, places

_ACT = "    import os; os.system('echo')\n"
_METHOD = f"class B:\n  def build_wheel(self, *a):\n{_ACT}b = B()\n"
HOOKS_OF_A_BACKEND = {
    "alias": f"def go(*a):\n{_ACT}build_wheel = go\n",
    "alias-in-a-tuple": f"def go(*a):\n{_ACT}build_wheel, x = go, 1\n",
    "alias-in-a-class": f"class B:\n  def go(self, *a):\n{_ACT}  build_wheel = go\nb = B()\n",
    "bound-method": f"class B:\n  def go(self, *a):\n{_ACT}build_wheel = B().go\n",
    "lambda": "import os\n\nbuild_wheel = lambda *a: os.system('echo')\n",
    "partial": f"import functools as f\ndef go(*a):\n{_ACT}build_wheel = f.partial(go, 1)\n",
    "globals": f"def go(*a):\n{_ACT}globals()['build_wheel'] = go\n",
    "attribute-set": f"class B: pass\ndef go(*a):\n{_ACT}b = B()\nb.build_wheel = go\n",
    "setattr": f"class B: pass\ndef go(*a):\n{_ACT}b = B()\nsetattr(b, 'build_wheel', go)\n",
    "namespace": f"import types as t\ndef go(*a):\n{_ACT}b = t.SimpleNamespace(build_wheel=go)\n",
    "module-getattr": f"def go(*a):\n{_ACT}def __getattr__(name):\n    return go\n",
    "method": _METHOD,
}
HOOKS_OF_ANOTHER_MODULE = {
    "import": ("from impl import build_wheel\n", f"def build_wheel(*a):\n{_ACT}"),
    "import-as": ("from impl import go as build_wheel\n", f"def go(*a):\n{_ACT}"),
    "import-of-all": ("from impl import *\n", f"def build_wheel(*a):\n{_ACT}"),
    "object": ("from impl import b\n", _METHOD),
    "base-class": ("import impl\nclass C(impl.B): pass\nb = C()\n", _METHOD),
}
_BACKEND = '[build-system]\nbuild-backend = "backend:b"\nbackend-path = ["."]\n'


@pytest.mark.parametrize("source", HOOKS_OF_A_BACKEND.values(), ids=HOOKS_OF_A_BACKEND)
def test_hook_of_a_build_backend_however_it_is_given(source: str) -> None:
    evidence = code_evidence({"pyproject.toml": _BACKEND, "backend.py": source})
    assert {path for path, _ in places(evidence, "build_backend_code")} == {"backend.py"}


@pytest.mark.parametrize(
    ("source", "other"), HOOKS_OF_ANOTHER_MODULE.values(), ids=HOOKS_OF_ANOTHER_MODULE
)
def test_hook_that_a_build_backend_imports(source: str, other: str) -> None:
    files = {"pyproject.toml": _BACKEND, "backend.py": source, "impl.py": other}
    assert {path for path, _ in places(code_evidence(files), "build_backend_code")} == {"impl.py"}


def test_wrapper_of_another_backend_calls_only_its_own_hooks() -> None:
    source = (
        "from setuptools import build_meta as _meta\nfrom setuptools.build_meta import *\n"
        "__all__ = ['build_sdist', 'build_wheel']\nbuild_sdist = _meta.build_sdist\n"
        f"def build_wheel(*a):\n    return _meta.build_wheel(*a)\ndef other():\n{_ACT}"
    )
    evidence = code_evidence({"pyproject.toml": _BACKEND, "backend.py": source})
    assert places(evidence, "build_backend_code") == set()
