"""Triggers: which files earn a syntax tree.

A module without any of these can do nothing weighty that the code group looks for: it reaches no
network, starts nothing, executes nothing and looks nothing up in secret. Counting the files that
it writes or the data that it decodes would add nothing to a decision, and a tree costs ten to a
hundred times this search. Code that surely runs unasked is always read, triggers or not.

Words are split off by ``bytes.translate`` and looked up in a set: 110 MB/s where an alternation
of Python's ``re`` reaches 2; a pattern engine is faster still, but takes longer to start than all
words of an ordinary wheel take to split.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

_WORDS = frozenset(
    word.encode()
    for word in """
    CDLL CodeType GetAsyncKeyState ImageGrab InteractiveConsole InteractiveInterpreter
    LoadLibrary RtlMoveMemory SourceFileLoader VideoCapture VirtualAlloc WinDLL __builtin__
    __builtins__ __import__ __pyarmor__ __subclasses__ _posixsubprocess _socket _winapi _winreg
    aiohttp asyncssh authorized_keys boto3 browser_cookie3 browsercookie clipboard_get
    cloudscraper create_subprocess_exec create_subprocess_shell curl_cffi d3dshot dhooks discord
    discord_webhook dns eth_account execfile execjs ftplib getstatusoutput grequests http_client
    httplib httpx import_module ipify js2py load_dynamic load_source marshal mechanize
    memfd_create netifaces open_connection paramiko pexpect popen2 posix_spawn posix_spawnp
    pyHook pyWinhook pyautogui pycurl pynput pyperclip pyscreenshot pysftp pytransform pywifi
    requests requests_html rot13 runpy secretstorage smtplib socket socketio solana solders
    sounddevice spec_from_file_location startfile subprocess telebot telegram telnetlib
    tls_client urllib urllib2 urllib3 urlopen urlretrieve web3 websocket websockets wget
    win32api win32clipboard win32com win32crypt win32process windll winreg wmi xmlrpc zipimport
    """.split()  # noqa: SIM905
)
_ASSEMBLED = r"(?:[\"'][^\"'\n]*(?:\\|[\"']\s*[+.%\[])|[fF][\"']|\w+\(|[\"']{2})"
_SYSTEM = r"(?:os|sys|posix|nt)"
_AFTER_SYSTEM = "|".join(rf"(?<=\b{name}\.__dict__)" for name in ("os", "sys", "posix", "nt"))
# Words that count in some forms only: the word, and the form. A form that begins with letters is
# searched for ten times faster than one that begins with a boundary, so what has to stand before
# the commonest words is asked for behind them.
_FORMS: Mapping[bytes, re.Pattern[bytes]] = {
    word.encode(): re.compile(form.encode())
    for word, form in {
        "__dict__": rf"\.__dict__(?:{_AFTER_SYSTEM})",
        "__getattribute__": rf"__getattribute__\(\s*(?:[\"']|{_ASSEMBLED})",
        "__globals__": r"__globals__\s*\[",
        "as": rf"import(?<=\bimport)\s+{_SYSTEM}\s+as\b",
        "attrgetter": rf"attrgetter\(\s*(?:[\"'](?:system|popen|exec|eval)|{_ASSEMBLED})",
        "clipboard": r"\bimport\s+clipboard\b|\bclipboard\.(?:copy|paste)",
        "builtins": r"builtins(?<=\bbuiltins)(?:\.(?:exec|eval|getattr|compile|open|globals|__)"
                    r"|\s*[,\[)]|\s+as\b)|from(?<=\bfrom)\s+builtins\b",
        "client": r"http\.client(?<=\bhttp\.client)\b|from(?<=\bfrom)\s+http\s+import\b",
        "cv2": r"\bcv2\.VideoCapture",
        "environ": r"os\.environ(?<=\bos\.environ)\s*[),\n]|from(?<=\bfrom)\s+os\s+import\b",
        "eval": r"eval(?<![\w.]eval)\s*[(\n,)\]=:]",
        "exec": r"exec(?<![\w.]exec)\s*[(\n,)\]=:]",
        "getattr": rf"getattr\(\s*(?:{_SYSTEM}\s*,\s*[^\"'\s]|[\w.]+\s*,\s*{_ASSEMBLED})",
        "globals": rf"globals\((?<=\bglobals\()\)\s*\[\s*(?:[\"']|{_ASSEMBLED})",
        "keyboard": r"\bimport\s+keyboard\b|\bkeyboard\.(?:on_press|hook|record|read_key)",
        "keyring": r"\bkeyring\.get",
        "locals": rf"locals\((?<=\blocals\()\)\s*\[\s*(?:[\"']|{_ASSEMBLED})",
        "methodcaller": rf"methodcaller\(\s*(?:[\"'](?:system|popen|exec|eval)|{_ASSEMBLED})",
        "modules": rf"sys\.modules(?<=\bsys\.modules)\s*\[\s*(?:[\"']{_SYSTEM}\b|{_ASSEMBLED})",
        "mss": r"\bimport\s+mss\b|\bmss\.mss",
        "nt": r"\bimport\s+nt\b|\bfrom\s+nt\s+import",
        "os": r"os\.(?<=\bos\.)(?:system|popen|spawn|exec|fork|dup2|setsid)"
              r"|from(?<=\bfrom)\s+os\s+import\s[^\n]*(?:system|popen|spawn|exec|fork|dup2|\*|\()",
        "pip": r"pip\.(?<=\bpip\.)(?:main|_internal)"
               r"|import(?<=\bimport)\s+pip\b|from(?<=\bfrom)\s+pip\b",
        "popen": r"\.popen\b",
        "posix": r"\bimport\s+posix\b|\bfrom\s+posix\s+import",
        "pty": r"\bimport\s+pty\b|\bpty\.spawn",
        "system": r"\.system(?<!platform\.system)\b",
        "vars": rf"vars\((?<=\bvars\()[\w.]*\)\s*\[\s*(?:[\"']|{_ASSEMBLED})",
    }.items()
}  # fmt: skip
_TO_WORDS = bytes(
    code if (chr(code).isalnum() and code < 128) or code == ord("_") else ord(" ")
    for code in range(256)
)
_ASKED = _WORDS | _FORMS.keys()
_BLOCK_BYTES = 16 << 10
_BLOB_CHARS = 200
_TO_BLOBS = bytes(
    ord("a") if (chr(code).isalnum() and code < 128) or code in b"+/=" else ord(" ")
    for code in range(256)
)
_BLOB = b"a" * _BLOB_CHARS
_OFF_SCREEN = b" " * 80
_ESCAPES = re.compile(rb"\\x[0-9a-fA-F]{2}(?:\\x[0-9a-fA-F]{2}){11}")


def earns_tree(data: bytes) -> bool:
    """Whether anything in the bytes may be weighty evidence of the code group."""
    if _has_trigger(data):
        return True
    if data.isascii():
        return False
    # Python reads identifiers in their NFKC form, so a full-width "exec" is exec.
    normal = unicodedata.normalize("NFKC", data.decode("utf-8", errors="replace")).encode()
    return normal != data and _has_trigger(normal)


def _has_trigger(data: bytes) -> bool:
    if _names_trigger(data) or _OFF_SCREEN in data or _BLOB in data.translate(_TO_BLOBS):
        return True
    return b"\\x" in data and _ESCAPES.search(data) is not None


def _names_trigger(data: bytes) -> bool:
    """Whether the bytes hold a word that is a trigger, or one in a form that is.

    Most that do import what they use, so the beginning is asked first.
    """
    asked: set[bytes] = set()
    start = 0
    while start < len(data):
        # Up to the end of a line, so that no word is cut.
        end = data.find(b"\n", start + _BLOCK_BYTES) + 1 or len(data)
        words = _ASKED.intersection(data[start:end].translate(_TO_WORDS).split())
        if not _WORDS.isdisjoint(words):
            return True
        if any(_FORMS[word].search(data) for word in words - asked):
            return True
        asked |= words
        start = end
    return False
