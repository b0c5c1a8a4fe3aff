"""The control: the eight inputs of the paper that this project implements, exactly and alone.

Samaana, Costa, Shihab, Abdellatif, "A Machine Learning-Based Approach For Detecting Malicious
PyPI Packages", SAC 2025 (arXiv 2412.05259), section 3. Nothing here is improved: regular
expressions over lines as there, no folding, no execution surfaces, setup.cfg as in 2012.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from safe_pip.distribution import Distribution, SourceFile
from safe_pip.extractors.contacts import (
    is_plausible_address,
    mail_addresses,
    project_urls,
    web_host,
)
from safe_pip.extractors.licences import licence_agreement, stated_licences

LONG_STRING_CHARS = 40  # and one more below, in the pattern of a literal
MAX_SOURCE_BYTES = 2 << 20
MAX_SUSPICIOUS_CHARS = 200_000
MAX_LINE_CHARS = 2_000

# The paper asks a list of the million most visited sites. A list of that kind from the year of
# each sample cannot be had, and today's would tell a removed package's age; so a domain counts
# as ranked if it is one of these. Of the 880 projects among the benign wheels of the development
# machines 80 % have their home page on one of the first line's; the others are sites that any
# ranking of the last ten years has, and the sites of the most used Python projects.
_RANKED_WORDS = """
github.com github.io readthedocs.io readthedocs.org gitlab.com gitlab.io bitbucket.org codeberg.org
google.com googleapis.com googleusercontent.com gstatic.com youtube.com microsoft.com windows.net
azure.com live.com office.com apple.com amazon.com amazonaws.com cloudfront.net facebook.com
instagram.com twitter.com x.com linkedin.com reddit.com wikipedia.org wikimedia.org mozilla.org
yahoo.com bing.com baidu.com yandex.ru vk.com netflix.com adobe.com cloudflare.com akamai.net
stackoverflow.com stackexchange.com medium.com wordpress.com blogspot.com tumblr.com notion.so
dropbox.com sourceforge.net launchpad.net ubuntu.com debian.org redhat.com fedoraproject.org
gnu.org kernel.org apache.org eclipse.org w3.org ietf.org opensource.org creativecommons.org
python.org pypa.io djangoproject.com palletsprojects.com pydata.org numpy.org scipy.org
scikit-learn.org matplotlib.org jupyter.org ipython.org sphinx-doc.org sqlalchemy.org pocoo.org
pytest.org cython.org pytorch.org tensorflow.org keras.io huggingface.co openai.com anthropic.com
langchain.com nvidia.com intel.com ibm.com oracle.com mysql.com postgresql.org psycopg.org
sqlite.org mongodb.com mongodb.org redis.io elastic.co grpc.io llvm.org docker.com kubernetes.io
hashicorp.com npmjs.com nodejs.org jquery.com jsdelivr.net unpkg.com bootstrapcdn.com shields.io
travis-ci.org circleci.com codecov.io coveralls.io appveyor.com discord.com discord.gg slack.com
telegram.org t.me whatsapp.com zoom.us paypal.com stripe.com twilio.com atlassian.com
salesforce.com sentry.io datadoghq.com tidelift.com opencollective.com patreon.com gravatar.com
arxiv.org doi.org acm.org ieee.org nasa.gov nih.gov mit.edu stanford.edu berkeley.edu cern.ch
bbc.co.uk cnn.com nytimes.com imdb.com spotify.com soundcloud.com twitch.tv pinterest.com
example.com example.org localhost
"""
_RANKED = frozenset(_RANKED_WORDS.split())
_INDEX_HOST = re.compile(r"(?:^|\.)(?:pypi|python[h]osted)\.org$")

_URL = re.compile(r"\bhttps?://([^\s/'\"<>)\]},;\\:?#]{1,253})", re.IGNORECASE)
_INSECURE = re.compile(r"\bhttp://", re.IGNORECASE)
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_API = re.compile(
    r"\b(?:open|write|writelines|remove|unlink|rmtree|copyfile|move|chmod|makedirs|mkdir|tempfile"
    r"|urlopen|urlretrieve|requests|urllib2?|urllib3|http\.client|httplib|httpx|aiohttp|socket"
    r"|ftplib|smtplib|subprocess|Popen|os\.system|os\.popen|os\.exec\w{0,4}|os\.spawn\w{0,4}"
    r"|os\.startfile|check_output|check_call|exec|eval|compile|__import__|ctypes|pty|commands"
    r"|base64|b64decode|marshal|Fernet|getpass|getenv|environ|gethostname|winreg)\b"
)
_COMMAND_BASES = frozenset(
    ("install", "develop", "egg_info", "build", "build_py", "build_ext", "sdist", "bdist_egg")
)
_GENERATED_SETUP_CFG = frozenset(("[egg_info]", "tag_build=", "tag_date=0", "tag_svn_revision=0"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper8Record:
    """The paper's inputs for one distribution; true means suspicious.

    ``suspicious_lines`` is text of the sample, lower-cased: it may be counted, never kept.
    """

    homepage: bool
    email: bool
    install_command: bool
    suspicious_url: bool
    long_string: bool
    minimal_config: bool
    licence_mismatch: bool
    suspicious_lines: str


def observe_paper8(distribution: Distribution) -> Paper8Record:
    """The eight inputs. A file over two megabytes is read up to there, as text."""
    sources = [_read(file) for file in _python_files(distribution)]
    setup = _read(distribution.by_path["setup.py"]) if "setup.py" in distribution.by_path else ""
    return Paper8Record(
        homepage=not _has_ranked_homepage(distribution),
        email=not any(map(is_plausible_address, mail_addresses(distribution))),
        install_command=overrides_install_command(setup),
        suspicious_url=any(map(has_suspicious_url, sources)),
        long_string=any(map(has_long_string, sources)),
        minimal_config=_has_generated_setup_cfg(distribution),
        licence_mismatch=licence_agreement(stated_licences(distribution)) == 0,
        suspicious_lines=_suspicious_lines(setup, sources),
    )


def _python_files(distribution: Distribution) -> Iterator[SourceFile]:
    return iter(sorted(distribution.python_files(), key=lambda file: file.path))


def _read(file: SourceFile) -> str:
    return file.read()[:MAX_SOURCE_BYTES].decode(errors="replace")


def is_ranked(host: str) -> bool:
    """Whether a host, or a domain above it, is one of the static list's."""
    labels = host.lower().split(".")
    parents = (".".join(labels[start:]) for start in range(len(labels)))
    return _INDEX_HOST.search(host) is not None or any(parent in _RANKED for parent in parents)


def _has_ranked_homepage(distribution: Distribution) -> bool:
    return any(
        url.startswith("https://") and is_ranked(web_host(url))
        for url in project_urls(distribution)
    )


def has_suspicious_url(source: str) -> bool:
    """Whether a source names an insecure URL, one by IP address, or one on an unranked domain."""
    if _INSECURE.search(source):
        return True
    hosts = {match.rpartition("@")[2] for match in _URL.findall(source)}
    return any(_IPV4.fullmatch(host) or not is_ranked(host) for host in hosts)


_LITERAL = re.compile(r"'[^'\\\n]{41,}'|\"[^\"\\\n]{41,}\"")


def has_long_string(source: str) -> bool:
    """Whether a line holds a plain literal of more than forty characters."""
    return any(
        _LITERAL.search(line[:MAX_LINE_CHARS])
        for line in source.splitlines()
        if len(line) > LONG_STRING_CHARS
    )


def overrides_install_command(setup: str) -> bool:
    """Whether a setup.py passes ``cmdclass`` or derives a class from a set-up command."""
    try:
        tree = ast.parse(setup)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "cmdclass" in setup
    return any(
        (isinstance(node, ast.keyword) and node.arg == "cmdclass")
        or (isinstance(node, ast.ClassDef) and any(map(_is_command, node.bases)))
        for node in ast.walk(tree)
    )


def _is_command(base: ast.expr) -> bool:
    name = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
    return name in _COMMAND_BASES


def _has_generated_setup_cfg(distribution: Distribution) -> bool:
    file = distribution.by_path.get("setup.cfg")
    if file is None:
        return False
    lines = {"".join(line.split()) for line in _read(file).splitlines() if line.strip()}
    return bool(lines) and lines <= _GENERATED_SETUP_CFG


def _suspicious_lines(setup: str, sources: list[str]) -> str:
    """All of setup.py, all of each file with a suspicious URL, and lines that name an API."""
    kept = [setup]
    for source in sources:
        if source == setup:
            continue
        lines = source.splitlines()
        if not has_suspicious_url(source):
            lines = [line for line in lines if _API.search(line[:MAX_LINE_CHARS])]
        kept.append("\n".join(line[:MAX_LINE_CHARS] for line in lines))
    return "\n".join(kept)[:MAX_SUSPICIOUS_CHARS].lower()
