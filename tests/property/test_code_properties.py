"""Laws of reading code: nothing crashes it, and nothing added to a unit's company lowers it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from safe_pip.extractors import SCHEMA
from tests.sources import code_evidence

PIECES = (
    "import os", "import base64 as b", "from os import *", "x = exec", "x('y')", "def f(a=1, *b, **c):",
    "    return a", "    yield x", "class A(B):", "    def run(self):", "        self.x = x", "f(f)",
    "if x:", "elif y:", "else:", "for i in range(9):", "while True:", "try:", "except E:", "finally:",
    "with open('x', 'w') as h:", "    h.write(x)", "    pass", "lambda: x", "[x for x in y]", "x += 'a'",
    "x = {'a': f, **y}", "x[0]['a'] = f", "getattr(os, x)()", "eval(\"1 + 1\")", "exec('x = ' + 'x')",
    "x = b.b64decode('eA==')", "os.system(x)", "import os.path as p", "from . import q", "global x",
    "@f", "async def g():", "    await x", "x = y = z", "a, *b = x", "del x", "match x:", "    case 1:",
    "x = '%s' % x", "x = f'{x}{y!r:>{z}}'", "x: int = 3", "assert x", "raise x", "'''", "# \"\"\"", "(", "]",
    "print x", "exec x in y", "x = 'a' * 10 ** 9", "x = chr(x) + x[::-1]", "(x := f)(x)", "\\", "\x00",
)  # fmt: skip

sources = st.lists(st.sampled_from(PIECES), max_size=25).map("\n".join)
indented = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(PIECES)).map(lambda p: "    " * p[0] + p[1]),
    max_size=25,
).map("\n".join)


@settings(max_examples=300, deadline=None)
@given(sources | indented)
def test_no_source_raises(source: str) -> None:
    code_evidence({"setup.py": source.encode(), "pkg/__init__.py": source.encode()})


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_raise(data: bytes) -> None:
    code_evidence({"setup.py": b"exec(" + data + b")", "demo.pth": b"import os;" + data})


@settings(max_examples=60, deadline=None)
@given(indented, st.lists(sources, max_size=3))
def test_benign_company_lowers_no_monotone_feature(payload: str, company: list[str]) -> None:
    """Files that nothing imports may only add evidence."""
    alone = {"pkg/__init__.py": payload.encode()}
    beside = {f"other/module_{n}.py": text.encode() for n, text in enumerate(company)}
    before = SCHEMA.fold(code_evidence(alone)).values
    after = SCHEMA.fold(code_evidence({**alone, **beside})).values
    for feature, low, high in zip(SCHEMA.features, before, after, strict=True):
        if feature.is_monotone:
            assert high >= low, feature.name
