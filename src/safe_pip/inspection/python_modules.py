"""Modules of Python itself: of the one that runs here, and of any other that pip may install for.

What is inspected here is installed for another Python as well, which may have modules that this one
no longer has, or does not have yet.
"""

from __future__ import annotations

import sys

# From 3.8 (the oldest that can be guarded) to 3.15, but for a few that are gone since 3.10 and that
# pip never imported, such as parser: they are names like any today.
_NOT_IN_EVERY = frozenset(
    """_aix_support _android_support _apple_support _ast_unparse _bootlocale _bootsubprocess
    _colorize _crypt _dummy_thread _hmac _interpchannels _interpqueues _interpreters _ios_support
    _msi _opcode_metadata _peg_parser _py_warnings _pydatetime _pylong _pyrepl _remote_debugging
    _sha2 _sha256 _sha512 _suggestions _sysconfig _tokenize _types _typing _wmi _xxsubinterpreters
    _zoneinfo _zstd aifc annotationlib asynchat asyncore audioop binhex cgi cgitb chunk compression
    crypt distutils dummy_threading graphlib imghdr imp lib2to3 mailcap msilib nis nntplib
    ossaudiodev pipes smtpd sndhdr spwd sunau telnetlib tomllib uu xdrlib zoneinfo""".split()  # noqa: SIM905
)
IN_SOME_PYTHON = sys.stdlib_module_names | _NOT_IN_EVERY
IN_EVERY_PYTHON = sys.stdlib_module_names - _NOT_IN_EVERY
