"""Whatever a file holds, the file features are observed without a crash."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from safe_pip.archive import read_archive
from safe_pip.errors import UnscannableError
from safe_pip.extractors import files
from safe_pip.feature import FeatureSchema
from tests.builders import make_sdist, make_tar, make_wheel, make_zip

SCHEMA = FeatureSchema(features=files.FEATURES)
STARTS = [
    b"", b"MZ", b"\x7fELF", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08", b"BZh9",
    b"\xfd7zXZ\x00", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\xa7\r\r\n", b"\x89PNG",
    b"import os;", make_zip([("a.py", "x")]), make_tar([("a.py", "x")]),
]  # fmt: skip
PATHS = [
    "demo/__init__.py", "demo.pth", "setup.py", "demo/a.png", "demo/a.pyc", "demo/a.so", "a.json",
    "pyproject.toml", "demo-1.0.data/scripts/a", "sitecustomize.py", ".x/a.py", "demo/a.bin",
    "demo-1.0.dist-info/WHEEL", "demo-1.0.data/data/lib/site-packages/a.pth",
]  # fmt: skip
CONTENTS = st.builds(
    lambda start, rest, times: (start + rest) * times,
    st.sampled_from(STARTS),
    st.binary(max_size=200),
    st.integers(1, 20),
)


@settings(max_examples=200, deadline=None)
@given(members=st.dictionaries(st.sampled_from(PATHS), CONTENTS, max_size=6))
def test_any_content_is_observed_or_refused(members: Mapping[str, bytes]) -> None:
    in_sdist = make_sdist(files=members)
    members = {path: data for path, data in members.items() if ".dist-info" not in path}
    in_wheel = make_wheel(files=members, tag="cp311-cp311-linux_x86_64")
    for data in (in_wheel, in_sdist):
        try:
            with read_archive(data, "demo-1.0") as distribution:
                vector = SCHEMA.fold(files.observe(distribution))
        except UnscannableError as error:
            assert error.reason
        else:
            assert (vector.values >= 0).all()
