"""Labels of malicious samples: not all that was removed from an index is malware.

The rules read words and syntax, not features, so that no label depends on what the extractors
can see.
"""

from __future__ import annotations

import ast
import enum
import re
from collections import Counter

from model.payloads import parse_quietly, text_of
from safe_pip.distribution import Distribution


class Label(enum.Enum):
    """What a sample is. Only MALICIOUS and, at low weight, BEACON are positives.

    EMPTY are squats and carriers: nothing in them acts, the harm is in the name or in another
    project that they depend on.
    """

    MALICIOUS = "malicious"
    BEACON = "research beacon"
    EMPTY = "no behaviour"
    BENIGN = "benign"

    @property
    def is_positive(self) -> bool:
        return self in (Label.MALICIOUS, Label.BEACON)


_RESEARCH = re.compile(
    r"bug ?bounty|dependency confusion|security research|proof[ -]of[ -]concept|hackerone|"
    r"bugcrowd|oastify|oast\.|burpcollaborator|interact\.sh|interactsh|canarytokens|dnslog|"
    r"pipedream|research purpose|pentest",
    re.IGNORECASE,
)
_HARMFUL = re.compile(
    r"\b(exec|eval|fernet|b64decode|urlretrieve|powershell|popen|wallet|discord|telegram|"
    r"cookies|login data|startupinfo|\.exe|\.ssh|id_rsa|aws_secret|chmod|writefile)\b",
    re.IGNORECASE,
)
# Decoding alone does nothing: what runs or sends the result is among these.
# Modules with which code reaches the network, other processes, the screen or stored secrets.
_ACTING_MODULES = frozenset(
    """
    requests urllib urllib2 urllib3 http httplib httplib2 httpx aiohttp socket websocket websockets
    smtplib ftplib dns pycurl wget telegram telebot discord discord_webhook dhooks paramiko fabric
    subprocess pty ctypes winreg _winreg win32crypt win32api win32com marshal pickle cloudpickle
    pynput keyboard mouse pyautogui cv2 mss pyperclip clipboard keyring browser_cookie3 sqlite3
    pip builtins imp importlib runpy zipimport
    """.split()  # noqa: SIM905
)
_ACTING_CALLS = frozenset(
    """
    exec eval compile __import__ __builtins__ globals system popen spawnl spawnv startfile
    execv execl execvp fork environ getlogin chmod kill symlink
    """.split()  # noqa: SIM905
)
_WORD = re.compile(r"\w+")
_ALSO_ENGLISH = {"compile", "http", "pip", "keyboard", "mouse", "fabric", "clipboard", "kill"}
# Words of files that cannot be parsed.
_TELLING = (_ACTING_CALLS | _ACTING_MODULES) - _ALSO_ENGLISH
_ACTIVE_SUFFIXES = (
    ".pth", ".exe", ".dll", ".so", ".pyd", ".pyc", ".js", ".sh", ".bat", ".ps1",
)  # fmt: skip
_BINARY = (b"MZ", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")


def label_malicious(distribution: Distribution) -> Label:
    """The label of a sample of the malicious corpus."""
    if not _has_behaviour(distribution):
        return Label.EMPTY
    texts = [text_of(file) for file in distribution.python_files() if file.size < 200_000]
    everything = "\n".join([*texts, distribution.description, distribution.header("summary")])
    if _RESEARCH.search(everything) and not _HARMFUL.search("\n".join(texts)):
        return Label.BEACON
    return Label.MALICIOUS


def _has_behaviour(distribution: Distribution) -> bool:
    for file in distribution.files:
        if file.path.endswith((".py", ".pyw")):
            if _acts(text_of(file)):
                return True
        elif file.path.endswith(_ACTIVE_SUFFIXES) or file.head(4).startswith(_BINARY):
            return True
    return False


def _acts(source: str) -> bool:
    """Whether a file imports or calls anything that reaches beyond the interpreter."""
    tree = parse_quietly(source)
    if tree is None:
        # Python 2, or made so that it does not parse here: words have to do.
        return not _TELLING.isdisjoint(_WORD.findall(source))
    harmless = _harmless_imports(tree)
    for node in ast.walk(tree):
        if node in harmless:
            continue
        match node:
            case ast.Import(names=names):
                if any(name.name.partition(".")[0] in _ACTING_MODULES for name in names):
                    return True
            case ast.ImportFrom(module=str(module), level=0):
                if module.partition(".")[0] in _ACTING_MODULES:
                    return True
            case ast.Name(id=name) | ast.Attribute(attr=name):
                if name in _ACTING_CALLS:
                    return True
    return False


def _harmless_imports(tree: ast.Module) -> set[ast.AST]:
    """Where ``__import__`` is only called for a module that is named in the file and does not act:
    ``__import__(PACKAGE).__version__``."""
    nodes = list(ast.walk(tree))
    bound = Counter(
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    named: dict[str, object] = {}
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=text)):
                if bound[name] == 1:
                    named[name] = text
    harmless: set[ast.AST] = set()
    for node in nodes:
        match node:
            case ast.Call(func=ast.Name(id="__import__") as called, args=[ast.Constant(text)]):
                module: object = text
            case ast.Call(func=ast.Name(id="__import__") as called, args=[ast.Name(name)]):
                module = named.get(name)
            case _:
                continue
        if isinstance(module, str) and module.partition(".")[0] not in _ACTING_MODULES:
            harmless.add(called)
    return harmless
