"""Hostile contents: sound archives whose files exhaust whoever parses or follows them."""

from __future__ import annotations

import base64
import lzma
import zlib
from collections.abc import Mapping

from tests.builders import Content, make_sdist, make_wheel
from tests.hostile.case import Case
from tests.reading import SDIST, WHEEL

MEBIBYTE = 1024 * 1024


def setup(source: Content) -> bytes:
    return make_sdist(files={"setup.py": source})


def file(path: str, content: Content) -> bytes:
    return make_wheel(files={"demo/__init__.py": "", path: content})


def layered_bomb() -> str:
    data = bytes(50 * MEBIBYTE)
    for _ in range(3):
        data = zlib.compress(data, 9)
    text = base64.b64encode(data).decode()
    return f"import base64, zlib\nz = zlib.decompress\nexec(z(z(z(base64.b64decode('{text}')))))\n"


def xz_bomb() -> str:
    text = base64.b64encode(lzma.compress(bytes(200 * MEBIBYTE), preset=0)).decode()
    return f"import base64, lzma\nexec(lzma.decompress(base64.b64decode('{text}')))\n"


def doubling(times: int) -> str:
    lines = "\n".join(["x = x + x"] * times)
    return f"x = 'evil'\n{lines}\nexec(x)\n"


def calls_of_calls(depth: int) -> str:
    """Each function calls the one before it twice: two to the power of ``depth`` calls."""
    lines = ["def f0():\n    return 'import os'\n"]
    lines += [f"def f{n}():\n    return f{n - 1}() + f{n - 1}()\n" for n in range(1, depth)]
    return "".join(lines) + f"exec(f{depth - 1}())\n"


SOURCES: Mapping[str, Content] = {
    "source-nested-parentheses": "(" * 100_000 + ")" * 100_000,
    "source-nested-parentheses-that-parse": "x = " + "(" * 150 + "1" + ")" * 150 + "\n",
    "source-nested-lists": "x = " + "[" * 5_000 + "]" * 5_000,
    "source-nested-lambdas": "x = " + "lambda: " * 20_000 + "0",
    "source-nested-minus": "x = " + "-" * 200_000 + "1",
    "source-nested-not": "x = " + "not " * 50_000 + "1",
    "source-nested-calls": "x = " + "f(" * 3_000 + ")" * 3_000,
    "source-nested-attributes": "x = a" + ".b" * 100_000,
    "source-nested-indexes": "x = a" + "[0]" * 50_000,
    "source-nested-blocks": "".join(" " * n + "if 1:\n" for n in range(99)) + " " * 99 + "pass\n",
    "source-nested-blocks-too-deep": "".join(" " * n + "if 1:\n" for n in range(2_000)),
    "source-nested-f-strings": "x = " + 'f"{' * 500 + "1" + '}"' * 500,
    "source-nested-brackets-open": "[" * 1_000_000,
    "source-long-sum": "x = " + "+".join(["1"] * 100_000),
    "source-long-concatenation": "x = " + "+".join(["'ab'"] * 50_000) + "\nexec(x)\n",
    "source-long-comparison": "x = " + "<".join(["1"] * 100_000),
    "source-long-elif": "if 0:\n    pass\n" + "elif 0:\n    pass\n" * 20_000,
    "source-long-line": "x = '" + "a" * (10 * MEBIBYTE) + "'\n",
    "source-long-comment": "#" + "a" * (10 * MEBIBYTE),
    "source-long-name": "a" * MEBIBYTE + " = 1\n",
    "source-long-integer": "x = " + "9" * MEBIBYTE + "\n",
    "source-long-hexadecimal-integer": "x = 0x" + "f" * (4 * MEBIBYTE) + "\n",
    "source-long-list": "x = [" + "1," * 1_000_000 + "]\nexec(bytes(x))\n",
    "source-long-escapes": "x = '" + "\\x41" * 1_000_000 + "'\nexec(x)\n",
    "source-many-lines": "x = 1\n" * 200_000,
    "source-many-functions": "def f(): pass\n" * 50_000,
    "source-many-imports": "import os\n" * 50_000,
    "source-blank-lines": "\n" * 2_000_000,
    "source-of-power": "x = 9 ** 9 ** 9 ** 9\nexec('a' * x)\n",
    "source-of-shift": "x = 1 << (1 << 60)\nexec(str(x))\n",
    "source-of-repetition": "x = 'a' * 10 ** 15\nexec(x)\n",
    "source-of-padding": "exec('a'.ljust(10 ** 12) + 'a'.zfill(10 ** 12))\n",
    "source-of-format": "exec('{:>999999999999}'.format('a') + '%999999999999d' % 1)\n",
    "source-of-bytes": "exec(bytes(10 ** 13) + bytearray(10 ** 13))\n",
    "source-of-ranges": "exec(''.join(chr(n) for n in range(10 ** 15)))\n",
    "source-of-replacement": "x = 'aaaaaaaaaa'\n" + "x = x.replace('a', x)\n" * 50 + "exec(x)\n",
    "source-of-doubling": doubling(1_000),
    "source-of-joining": "x = 'ab'\n" + "x = x.join([x] * 1000)\n" * 20 + "exec(x)\n",
    "source-of-loops": "x = 'a'\nfor i in range(10**9):\n    x += x\nexec(x)\n",
    "source-of-endless-loop": "x = 'a'\nwhile True:\n    x = x + 'b'\nexec(x)\n",
    "source-of-recursion": "def f(x):\n    return f(f(x + x))\nexec(f('a'))\n",
    "source-of-calls-of-calls": calls_of_calls(60),
    "source-of-layered-bombs": layered_bomb(),
    "source-of-an-xz-bomb": xz_bomb(),
    "source-with-a-nul": b"x = 1\0\nimport os\n",
    "source-of-nuls": bytes(1_000_000),
    "source-with-a-mark": "\ufeffimport os\n",
    "source-in-utf-16": "import os\n".encode("utf-16"),
    "source-in-utf-32": "import os\n".encode("utf-32"),
    "source-in-utf-7": b"# coding: utf-7\n+AGkAbQBwAG8AcgB0- os\n",
    "source-in-rot13": b"# coding: rot13\nvzcbeg bf\n",
    "source-in-an-encoding-that-is-none": b"# coding: zlib\nimport os\n",
    "source-in-an-unknown-encoding": b"# coding: evil-8\nimport os\n",
    "source-in-an-encoding-of-kilobytes": b"# coding: " + b"a" * 100_000 + b"\nimport os\n",
    "source-in-no-encoding": bytes(range(128, 256)) * 1_000,
    "source-with-old-line-ends": b"import os\rx = 1\r" * 10_000,
    "source-with-form-feeds": "\f\v\x1c\x85\u2028import os\n" * 1_000,
    "source-with-marks-of-every-kind": "\u202e\u2066\u200b\U000e0041" * 10_000,
    "source-with-backslashes": "\\\n" * 100_000 + "x = 1\n",
    "source-with-an-open-string": 'x = """' + "a\n" * 100_000,
    "source-with-tabs-and-blanks": "if 1:\n\tx = 1\n        y = 1\n" * 1_000,
}
# What a search for words can take for ever over, if its patterns are careless.
SLOW: Mapping[str, Content] = {
    "text-of-letters": "a" * (4 * MEBIBYTE),
    "text-of-blanks": " " * (4 * MEBIBYTE) + "x",
    "text-of-base64": "QUJD" * 200_000,
    "text-of-quotes": "'\"" * 200_000,
    "text-of-dots": "a." * 200_000,
    "text-of-addresses": "http://" * 60_000,
    "text-of-numbers": "1.2.3.4 " * 60_000,
    "text-of-brackets": "exec(" * 60_000,
    "text-of-percents": "%41" * 200_000,
    "text-of-one-byte": b"\x80" * 20_000,
}
FILES: Mapping[str, bytes] = {
    "file-startup-line-of-megabytes": file("demo.pth", "import os; " * 50_000),
    "file-startup-lines-by-the-thousand": file("demo.pth", "import os\n" * 50_000),
    "file-entry-points-nested": make_wheel(
        entry_points="[console_scripts]\n" + "[" * 200_000 + "]" * 200_000
    ),
    "file-entry-points-by-the-thousand": make_wheel(
        entry_points="[console_scripts]\n" + "".join(f"a{n} = b:c\n" for n in range(50_000))
    ),
    "file-elf-cut-short": file("demo/a.so", b"\x7fELF\x02\x01\x01" + b"\xff" * 60),
    "file-pe-cut-short": file("demo/a.pyd", b"MZ" + b"\xff" * 100),
    "file-mach-o-of-many-parts": file("demo/a.dylib", b"\xca\xfe\xba\xbe" + b"\xff" * 100),
    "file-byte-code-of-nothing": file(
        "demo/no-module.pyc", b"\xa7\r\r\n" + bytes(12) + b"\xff" * 1_000
    ),
    "file-byte-code-nested": file(
        "demo/no-module.pyc", b"\xa7\r\r\n" + bytes(12) + b")\x01" * 100_000
    ),
    "file-pickle-of-nothing": file("demo/a.pkl", b"\x80\x04" + b"(" * 1_000_000),
    "file-json-nested": file("demo/a.json", "[" * 1_000_000),
    "file-description-of-megabytes": make_wheel(description="[a](b) `c` <d> " * 300_000),
    "file-name-like-an-option": file("--help.py", "import os\n"),
}
TREES: Mapping[str, bytes] = {
    "tree-pyproject-nested": make_sdist(files={"pyproject.toml": "x = " + "[" * 100_000}),
    "tree-pyproject-of-dots": make_sdist(files={"pyproject.toml": ".".join("a" * 2_000) + " = 1"}),
    "tree-pyproject-of-tables": make_sdist(
        files={"pyproject.toml": "".join(f"[a{n}]\n" for n in range(50_000))}
    ),
    "tree-setup-cfg-of-percents": make_sdist(
        files={"setup.py": "", "setup.cfg": "[metadata]\nname = " + "%(name)s" * 10_000}
    ),
    "tree-requirements-by-the-thousand": make_sdist(
        headers={"Requires-Dist": "a\nRequires-Dist: " + "\nRequires-Dist: ".join(["b>=1"] * 9_999)}
    ),
}


def _source(content: Content) -> Case:
    return Case(make=lambda: setup(content), holds="setup.py", may_be_refused=True)


def _archive(data: bytes, filename: str) -> Case:
    return Case(make=lambda: data, filename=filename)


CONTENTS: Mapping[str, Case] = {
    **{name: _source(content) for name, content in SOURCES.items()},
    **{name: _source(content) for name, content in SLOW.items()},
    **{name: _archive(data, WHEEL) for name, data in FILES.items()},
    **{name: _archive(data, SDIST) for name, data in TREES.items()},
}
