"""Ways in which an artifact could get under a policy by what it says about itself."""

from __future__ import annotations

import pytest

from safe_pip.errors import EXIT_BLOCKED
from tests.builders import write_sdist
from tests.integration.canaries import project_files
from tests.integration.conftest import workshop  # noqa: F401
from tests.integration.test_whole_command import (
    Person,
    nothing_happened,
    person,  # noqa: F401
    write_policy,
)

ALLOWED = '[[allow]]\nproject = "canary"\nversion = "==1.0"\nreason = "we read it"\n'


@pytest.mark.parametrize("text", [ALLOWED, 'deny = ["canary==2.0"]\n'], ids=["allow", "deny"])
def test_new_release_that_says_it_is_another_version(person: Person, text: str) -> None:  # noqa: F811
    """pip builds an sdist as the version in its file name before it sees that in the metadata."""
    files = project_files("canary")
    score = 0.95 if text == ALLOWED else 0.1
    files["backend.py"] = f"# pretend-score: {score}\n{files['backend.py']!s}"
    headers = {"Version": "1.0"}
    write_sdist(person.workshop.archives, "canary", "2.0", files=files, headers=headers)
    policy = write_policy(person.workshop, text)
    ended = person.types("--policy", policy, "install", "canary")
    assert ended.status == EXIT_BLOCKED, ended.screen
    assert nothing_happened(person.workshop)
