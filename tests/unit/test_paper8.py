"""The control's eight inputs, as the paper defines them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from packaging.utils import canonicalize_name

from model.paper8 import (
    Paper8Record,
    has_long_string,
    has_suspicious_url,
    is_ranked,
    observe_paper8,
    overrides_install_command,
)
from safe_pip.distribution import Distribution, DistributionKind, SourceFile


def record_of(
    files: Mapping[str, str], headers: Mapping[str, tuple[str, ...]] | None = None
) -> Paper8Record:
    return observe_paper8(
        Distribution(
            kind=DistributionKind.SDIST,
            sha256="",
            filename="demo-1.0.tar.gz",
            project=canonicalize_name("demo"),
            version="1.0",
            headers=headers or {},
            description="",
            files=tuple(
                SourceFile(path=path, size=len(text), load=text.encode)
                for path, text in files.items()
            ),
        )
    )


def test_a_bare_upload_has_every_input() -> None:
    setup = (
        "from setuptools import setup\nfrom setuptools.command.install import install\n"
        "class Post(install):\n    pass\n"
        f"x = '{'a' * 41}'\ny = 'http://files.unranked.dev/a'\n"
        "setup(cmdclass={'install': Post})\n"
    )
    record = record_of({"setup.py": setup, "setup.cfg": "[egg_info]\ntag_build = \ntag_date = 0\n"})
    assert record.homepage
    assert record.email
    assert record.install_command
    assert record.suspicious_url
    assert record.long_string
    assert record.minimal_config
    assert record.licence_mismatch
    assert "class post(install)" in record.suspicious_lines


def test_a_plain_project_has_none() -> None:
    record = record_of(
        {
            "setup.py": "from setuptools import setup\nsetup()\n",
            "setup.cfg": "[metadata]\nname = demo\n",
            "demo.py": "def add(a, b):\n    return a + b\nDOCS = 'https://github.com/demo'\n",
            "LICENSE": "MIT License",
        },
        {
            "home-page": ("https://github.com/demo/demo",),
            "author-email": ("a.person@demo.dev",),
            "license": ("MIT",),
        },
    )
    inputs = [name for name in Paper8Record.__slots__ if name != "suspicious_lines"]
    assert [name for name in inputs if getattr(record, name)] == []
    assert "return a + b" not in record.suspicious_lines


def test_suspicious_lines_are_those_that_name_an_api() -> None:
    record = record_of({"a.py": "x = 1\nimport subprocess\ny = 2\n"})
    assert record.suspicious_lines.split() == ["import", "subprocess"]


def test_a_file_with_a_suspicious_url_is_kept_whole() -> None:
    record = record_of({"a.py": "x = 1\nu = 'https://files.unranked.dev/a'\n"})
    assert "x = 1" in record.suspicious_lines


@pytest.mark.parametrize(
    "url", ["http://github.com", "https://45.1.2.3/a", "https://files.unranked.dev"]
)
def test_suspicious_urls(url: str) -> None:
    assert has_suspicious_url(f"x = '{url}'")


@pytest.mark.parametrize("host", ["github.com", "demo.github.io", "docs.python.org"])
def test_ranked_hosts(host: str) -> None:
    assert is_ranked(host)
    assert not has_suspicious_url(f"x = 'https://{host}/a'")


def test_forty_characters_are_not_long() -> None:
    assert not has_long_string(f"x = '{'a' * 40}'")
    assert has_long_string(f"x = '{'a' * 41}'")


def test_an_unparsable_setup_is_searched() -> None:
    assert overrides_install_command("print 'x'\nsetup(cmdclass={})")
    assert not overrides_install_command("print 'x'\nsetup()")
