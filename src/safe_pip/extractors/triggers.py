"""Triggers: which files earn a syntax tree.

A module without any of these can do nothing weighty that the code group looks for: it reaches no
network, starts nothing, executes nothing and looks nothing up in secret. Counting the files that
it writes or the data that it decodes would add nothing to a decision, and a tree costs ten to a
hundred times this search. Code that surely runs unasked is always read, triggers or not; of a
module without a trigger, what another one asks for is (``outlines``).

Words are split off by ``bytes.translate`` and looked up in a set: 110 MB/s where an alternation
of Python's ``re`` reaches 2; a pattern engine is faster still, but takes longer to start than all
words of an ordinary wheel take to split.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from safe_pip.extractors.parsing import first_lines

_WORDS = frozenset(
    word.encode()
    for word in """
    BackgroundBrowser CDLL CodeType GenericBrowser GetAsyncKeyState IMAP4_stream ImageGrab
    InteractiveConsole InteractiveInterpreter LoadLibrary PYTHONBREAKPOINT RtlMoveMemory
    SourceFileLoader VideoCapture VirtualAlloc WinDLL __builtin__ __builtins__ __import__
    __pyarmor__ __subclasses__ _posixsubprocess _socket _winapi _winreg aiohttp asyncssh
    authorized_keys boto3 browser_cookie3 browsercookie clipboard_get cloudscraper
    create_subprocess_exec create_subprocess_shell curl_cffi d3dshot dhooks discord
    discord_webhook dns eth_account execfile execjs ftplib getstatusoutput grequests http_client
    httplib httpx import_module ipify js2py load_dynamic load_source marshal mechanize
    memfd_create netifaces open_connection paramiko pexpect popen2 posix_spawn posix_spawnp
    pyHook pyWinhook pyautogui pycurl pynput pyperclip pyscreenshot pysftp pytransform pywifi
    requests requests_html resolve_name rot13 runpy secretstorage smtplib socket socketio solana
    solders sounddevice spec_from_file_location startfile subprocess subprocess_exec
    subprocess_shell telebot telegram telnetlib tls_client urllib urllib2 urllib3 urlopen
    urlretrieve web3 websocket websockets wget win32api win32clipboard win32com win32crypt
    win32process windll winreg wmi xmlrpc zipimport
    """.split()  # noqa: SIM905
)
# What Python lets stand between two parts of an expression: spaces, continued lines, and in
# brackets line ends and comments; a bracket of the part before may close there as well. Lengths are
# bounded, so that no line makes the search slow.
_GAP = r"(?:[\s\\]|#[^\n]{0,500}\n)*"
_CLOSED = r"(?:[\s\\)]|#[^\n]{0,500}\n)*"
_SPACE = r"[\s\\]+"
_LONG = 1_000
_DOT = rf"{_CLOSED}\.{_GAP}"
_CALL = rf"{_CLOSED}\({_GAP}"
_ASSEMBLED = r"(?:[\"'][^\"'\n]*(?:\\|[\"']\s*[+.%\[])|[fF][\"']|\w+\(|[\"']{2})"
_SYSTEM = r"(?:os|sys|posix|nt)"
_STARTS = "system|popen|spawn|exec|fork|dup2|setsid"
_INSIDE = "__dict__|__getattribute__"
_HONEST = "path|environ|getenv|sep|linesep|name|listdir|getcwd|stat|remove|makedirs|mkdir|fspath"
_LOOKUP = rf"(?:{_CLOSED}\[|{_DOT}(?:get|pop|setdefault|__getitem__)\b)"
# An item that is taken out by a name, not set.
_TAKEN = rf"{_LOOKUP}{_GAP}\(?{_GAP}(?!__name__\b)[\w.]+{_GAP}[\])](?!{_GAP}=[^=])"
# What may follow the name of a function where it is called or handed on, and is no running text.
_VALUE = rf"{_GAP}(?:[(\n,)\]}}=:;%@|&^+*<>/!-]|\.{_GAP}__|(?:if|else|and|or|for|in|is|as)\b)"


def _imported(module: str) -> str:
    """The forms of an import of this module, alone or among others; so many that nobody looks
    through them are one too."""
    other = r"(?:[^\n;#\\]|\\\r?\n)"
    return (
        rf"import(?<=\bimport)(?=[\s\\])(?:{other}{{0,{_LONG}}}?(?<![\w.])(?<! as ){module}\b"
        rf"|{other}{{{_LONG}}})"
        rf"|from(?<=\bfrom){_SPACE}{module}\b"
    )


def _given(name: str) -> str:
    """The forms in which what everybody uses gets another name or is handed on. To ask what a
    module has (``hasattr(os, "fork")``) is honest."""
    # What stands before is asked behind the name, in each width that it may have.
    before = "|".join(
        [
            *(rf"(?<=[=\[]{space}{name})" for space in ("", r"\s", r"\s\s")),
            rf"(?<=\({name})(?<!attr\({name})(?<!object\({name})(?<!%\({name})",
            *(rf"(?<=\b{word}\s{name})" for word in ("return", "yield", "in", "match")),
            rf"(?<=\s\s\s{name})(?=\s*\n)",
            rf"(?<=,{name})(?=\s*[)\]}}])|(?<=,\s{name})(?=\s*[)\]}}])",
        ]
    )
    return rf"{name}(?:{before}){_GAP}(?:[\n,)\]}}:;#]|\Z)"


def _of(module: str, *names: str) -> str:
    """The forms in which a name is taken from a module."""
    wanted = "|".join(names)
    return rf"{module}(?<=\b{module}){_DOT}(?:{wanted})"


def _debugging(module: str) -> str:
    """The forms in which a module that runs text under its eyes is asked to."""
    return (
        rf"{_of(module, 'run(?:ctx|eval)?')}\b"
        rf"|from(?<=\bfrom){_SPACE}{module}{_SPACE}import\b[^\n]{{0,{_LONG}}}?(?:run|[*(\\])"
    )


# Words that count in some forms only: the word, and the form. A form that begins with letters is
# searched for ten times faster than one that begins with a boundary, so what has to stand before
# the commonest words is asked for behind them.
_FORMS: Mapping[bytes, re.Pattern[bytes]] = {
    word.encode(): re.compile(form.encode())
    for word, form in {
        "__base__": r"\.__base__\b",
        "__loader__": rf"__loader__(?:{_DOT}(?!get_)|{_GAP}[,)\n])",
        "__spec__": rf"__spec__{_DOT}loader{_GAP}[.,)\n]",
        "_os": rf"_os(?<=\._os)(?!{_SPACE}import)",
        "bdb": _debugging("bdb"),
        "cProfile": _debugging("cProfile"),
        "chr": rf"chr(?<=\bchr)[^\n]{{0,40}}\bfor\b[^\n]{{0,40}}\bin\b{_GAP}[\[(]{_GAP}\d+{_GAP},",
        "code": _of("code", "Interactive", "interact"),
        "codeop": _imported("codeop"),
        "f_builtins": r"f_builtins\b",
        "f_globals": rf"f_globals{_LOOKUP}{_GAP}\(?{_GAP}(?![\"']__(?:file|loader|name|package)__)",
        "BROWSER": r"BROWSER[\"']",
        "Tcl": rf"Tcl{_CALL}",
        "__getattribute__": rf"__getattribute__{_CALL}(?:[\"']|{_ASSEMBLED})",
        "__globals__": rf"__globals__{_LOOKUP}",
        "_interpreters": _imported("_interpreters"),
        "_xxsubinterpreters": _imported("_xxsubinterpreters"),
        "attrgetter": rf"attrgetter{_CALL}(?:[\"'](?:system|popen|exec|eval)|{_ASSEMBLED})",
        "builtins": rf"builtins(?<=\bbuiltins)(?:{_VALUE}|{_DOT}"
                    rf"(?:exec|eval|getattr|compile|open|globals|__))|{_imported('builtins')}",
        "client": rf"{_of('http', 'client')}\b|from(?<=\bfrom){_SPACE}http{_SPACE}import\b",
        "clipboard": rf"{_imported('clipboard')}|{_of('clipboard', 'copy', 'paste')}",
        "cv2": _of("cv2", "VideoCapture"),
        "doctest": _of("doctest", "test", "run_docstring_examples", "script_from_examples")
                   + rf"|from(?<=\bfrom){_SPACE}doctest\b",
        "environ": rf"{_of('os', 'environ')}{_GAP}[),\n]"
                   rf"|from(?<=\bfrom){_SPACE}os{_SPACE}import\b",
        "eval": rf"eval(?<![\w.]eval)(?<!\bdef eval){_VALUE}",
        "exec": rf"exec(?<![\w.]exec)(?<!\bdef exec){_VALUE}",
        "getattr": rf"getattr{_CALL}(?:{_SYSTEM}{_GAP},{_GAP}(?:[^\"'\s]|[\"'](?:{_STARTS}))"
                   rf"|{_of('sys', 'modules')}|[\w.]+{_GAP},{_GAP}{_ASSEMBLED})"
                   rf"|{_given('getattr')}",
        "globals": rf"{_given('globals')}|globals(?<=\bglobals){_CALL}\){_TAKEN}"
                   rf"|globals(?<=\bglobals){_CALL}\){_LOOKUP}{_GAP}\(?{_GAP}"
                   rf"(?:[\"'](?!__(?:all|doc|file|name|path|package)__[\"']{_GAP}[\]),])"
                   rf"|{_ASSEMBLED})",
        "interpreters": rf"{_of('concurrent', 'interpreters')}|{_imported('interpreters')}"
                        rf"|from(?<=\bfrom){_SPACE}concurrent{_SPACE}import\b",
        "keyboard": rf"{_imported('keyboard')}"
                    rf"|{_of('keyboard', 'on_press', 'hook', 'record', 'read_key')}",
        "keyring": _of("keyring", "get"),
        "load_module": rf"\.{_GAP}load_module{_CALL}",
        "locals": rf"{_given('locals')}|locals(?<=\blocals){_CALL}\)(?:{_TAKEN}"
                  rf"|{_LOOKUP}{_GAP}\(?{_GAP}(?:[\"']|{_ASSEMBLED}))",
        "map": rf"map{_CALL}chr\b",
        "methodcaller": rf"methodcaller{_CALL}(?:[\"'](?:system|popen|exec|eval)|{_ASSEMBLED})",
        "modules": rf"{_of('sys', 'modules')}{_LOOKUP}{_GAP}\(?{_GAP}"
                   rf"(?:[\"']{_SYSTEM}\b|{_ASSEMBLED})|{_of('sys', 'modules')}{_TAKEN}"
                   rf"|modules{_LOOKUP}{_GAP}\(?{_GAP}[\"'](?:{_SYSTEM}|builtins|subprocess)[\"']",
        "mss": rf"{_imported('mss')}|{_of('mss', 'mss')}",
        "nt": rf"{_imported('nt')}|{_of('nt', _INSIDE)}",
        "os": rf"{_of('os', _STARTS, _INSIDE)}|os(?<=\bos){_SPACE}as\b"
              rf"|{_given('os')}|os(?<=\.os)(?!{_GAP}\.{_GAP}(?:{_HONEST})\b)"
              rf"|from(?<=\bfrom){_SPACE}\w[\w.]*{_SPACE}import\b[^\n]{{0,{_LONG}}}?\b_?os\b"
              rf"|from(?<=\bfrom){_SPACE}os{_SPACE}import\b"
              rf"[^\n]{{0,{_LONG}}}?(?:{_STARTS}|[*(\\]|(?<=[^\n]{{{_LONG}}}))",
        "pdb": _debugging("pdb"),
        "pip": rf"{_of('pip', 'main', '_internal')}|{_imported('pip')}",
        "popen": rf"\.{_GAP}popen\b",
        "posix": rf"{_imported('posix')}|{_of('posix', _INSIDE)}",
        "profile": _debugging("profile"),
        "pty": rf"{_imported('pty')}|{_of('pty', 'spawn')}",
        "remote_exec": rf"{_of('sys', 'remote_exec')}|from(?<=\bfrom){_SPACE}sys{_SPACE}import\b",
        "sys": rf"{_of('sys', _INSIDE)}|sys(?<=\bsys){_SPACE}as\b"
               rf"|sys(?:(?<==sys)|(?<==\ssys)){_GAP}[\n;#]"
               rf"|from(?<=\bfrom){_SPACE}sys{_SPACE}import\b[^\n]{{0,{_LONG}}}?(?:modules|[*(\\])",
        "system": rf"\.{_GAP}system(?<!platform\.system)\b",
        "timeit": rf"{_of('timeit', 'timeit', 'repeat', 'Timer')}"
                  rf"|from(?<=\bfrom){_SPACE}timeit{_SPACE}import\b[^\n]{{0,{_LONG}}}?"
                  rf"(?:\btimeit|repeat|Timer|[*(\\])",
        "trace": _of("trace", "Trace"),
        "webbrowser": _of("webbrowser", "get") + rf"{_CALL}[^)]",
        "vars": rf"vars(?<=\bvars){_CALL}(?:{_SYSTEM}\b"
                rf"|[\w.]*{_GAP}\){_CLOSED}\[|\){_TAKEN})",
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
# A line that begins so is none of code, so it stands in a string, up to where that may end or code
# may begin in it: an example in a docstring imports nothing.
_PROMPT = b">>>"
_PROMPTED = re.compile(rb"^[ \t]*>>>[^\r\n\"'{\\]*", re.MULTILINE)
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
    if _names_trigger(_without_examples(data)):
        return True
    if _OFF_SCREEN in data or _BLOB in data.translate(_TO_BLOBS):
        return True
    return b"\\x" in data and _ESCAPES.search(data) is not None


def _without_examples(data: bytes) -> bytes:
    # In another coding, other bytes may end the string.
    if _PROMPT not in data or b"coding" in first_lines(data):
        return data
    return _PROMPTED.sub(b"", data)


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
