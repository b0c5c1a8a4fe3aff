"""Policies in a whole run: the organisation's floor, and what the index says."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

from tests.builders import write_wheel
from tests.integration.conftest import Workshop
from tests.integration.loopback_index import LoopbackIndex, serve
from tests.integration.test_whole_command import (
    Person,
    nothing_happened,
    person,
    write_canary,
    write_policy,
)

__all__ = ["person"]

CANARY = "canary-1.0-py3-none-any.whl"


def write_organisation(workshop: Workshop, text: str) -> Path:
    """A configuration folder of the machine, for XDG_CONFIG_DIRS."""
    folder = workshop.folder / "site"
    (folder / "safe-pip-guard").mkdir(parents=True)
    (folder / "safe-pip-guard" / "safe-pip.toml").write_text(text, encoding="utf-8")
    return folder


def upload(workshop: Workshop, *, age: timedelta) -> None:
    write_canary(workshop, "canary", 0.1)
    time = datetime.now(timezone.utc) - age
    workshop.index.is_json = True
    workshop.index.upload_times[CANARY] = time.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_young_release_is_held_back_with_its_age(person: Person) -> None:
    upload(person.workshop, age=timedelta(days=3))
    write_wheel(person.workshop.archives, "canary", version="0.9")
    older = "canary-0.9-py3-none-any.whl"
    person.workshop.index.upload_times[older] = "2024-01-02T03:04:05.678901Z"
    policy = write_policy(person.workshop, 'minimum-release-age = "7d"')
    ended = person.types("--policy", policy, "install", "canary")
    assert ended.status == 40
    screen = " ".join(ended.screen.replace("│", " ").split())
    assert (
        "canary 1.0 was blocked: it was uploaded 3 days ago, and the policy waits 7 days" in screen
    )
    assert "; 0.9 is old enough." in screen
    assert "--uploaded-prior-to" in screen
    assert nothing_happened(person.workshop)
    text = 'minimum-release-age = "7d"\nminimum-release-age-exempt = ["can*"]'
    policy = write_policy(person.workshop, text)
    assert person.types("--policy", policy, "install", "canary").status == 0


def test_no_policy_gets_under_the_organisations(person: Person) -> None:
    upload(person.workshop, age=timedelta(days=3))
    site = write_organisation(person.workshop, 'minimum-release-age = "7d"')
    policy = write_policy(
        person.workshop,
        'minimum-release-age = "1h"\nminimum-release-age-exempt = ["*"]\n'
        '[[allow]]\nproject = "canary"\nreason = "we want it"',
    )
    ended = person.types("--policy", policy, "install", "canary", XDG_CONFIG_DIRS=str(site))
    assert ended.status == 40
    assert nothing_happened(person.workshop)
    assert "Your organisation's policy says so" in " ".join(ended.screen.replace("│", "").split())
    assert "safe-pip policy allow" not in ended.screen
    shown = person.types("--policy", policy, "policy", "show", XDG_CONFIG_DIRS=str(site)).screen
    assert 'minimum-release-age = "168h"  # organisation (' in shown
    release = ("policy", "allow", "canary==1.0", "--sha256", "a" * 64, "--reason", "read")
    allowed = person.types(*release, XDG_CONFIG_DIRS=str(site)).screen
    assert "your organisation's policy says: minimum-release-age" in allowed


def test_a_name_on_several_indexes_is_told_in_the_last_line(person: Person, tmp_path: Path) -> None:
    write_canary(person.workshop, "canary", 0.1)
    folder = tmp_path / "other"
    folder.mkdir()
    write_wheel(folder, "canary", version="0.9")
    with serve(LoopbackIndex(folder)) as other:
        arguments = ("install", "--extra-index-url", other.url, "canary")
        ended = person.types(*arguments)
        assert ended.status == 0
        assert "1 inspected, no finding, 1 project on several indexes" in ended.screen
        person.workshop.make_environment()
        policy = write_policy(person.workshop, 'several-indexes = "ask"')
        ended = person.types("--policy", policy, *arguments)
        assert ended.status == 40
        assert other.url in ended.screen
    assert person.workshop.installed() == []


def test_a_new_project_named_like_a_popular_one_is_told_apart(person: Person) -> None:
    write_wheel(person.workshop.archives, "reqeusts")
    person.workshop.index.is_json = True
    uploads = person.workshop.index.upload_times
    name = "reqeusts-1.0-py3-none-any.whl"
    uploads[name] = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    ended = person.types("install", "reqeusts")
    assert ended.status == 40
    assert "two swapped letters away from requests" in " ".join(
        ended.screen.replace("│", " ").split()
    )
    assert nothing_happened(person.workshop)
    policy = write_policy(person.workshop, 'name-squats-exempt = ["reqeusts"]')
    assert person.types("--policy", policy, "install", "reqeusts").status == 0
    person.workshop.make_environment()
    uploads[name] = "2024-01-02T03:04:05Z"
    assert person.types("install", "reqeusts").status == 0


def test_a_release_that_lost_its_attestation_is_told(person: Person) -> None:
    upload(person.workshop, age=timedelta(days=3))
    write_wheel(person.workshop.archives, "canary", version="0.9")
    older = "canary-0.9-py3-none-any.whl"
    person.workshop.index.upload_times[older] = "2024-01-02T03:04:05Z"
    person.workshop.index.provenances[older] = b"{}"
    ended = person.types("install", "canary")
    assert ended.status == 0
    assert "1 project without the attestation that earlier releases have" in ended.screen
    person.workshop.make_environment()
    policy = write_policy(person.workshop, 'attestation-loss = "ask"')
    ended = person.types("--policy", policy, "install", "canary")
    assert ended.status == 40
    assert "attestation of who published 0.9" in " ".join(ended.screen.replace("│", " ").split())
    assert nothing_happened(person.workshop)


def test_an_answer_about_attestations_that_proves_nothing_is_told(person: Person) -> None:
    upload(person.workshop, age=timedelta(days=3))
    person.workshop.index.provenances[CANARY] = b"{}"
    policy = write_policy(person.workshop, 'attestations = "ask"')
    ended = person.types("--policy", policy, "install", "canary")
    assert ended.status == 40
    assert f"/provenance/{CANARY}" in person.workshop.index.requests
    screen = " ".join(ended.screen.replace("│", " ").split())
    assert "its attestation was not checked: the check failed (ValidationError" in screen
    assert nothing_happened(person.workshop)


def test_a_quarantined_project_without_files_is_explained(person: Person) -> None:
    person.workshop.index.is_json = True
    person.workshop.index.status = "quarantined"
    ended = person.types("install", "canary")
    assert ended.status == 1
    sentence = "safe-pip: the index has put canary in quarantine: it has no files\n"
    assert ended.screen.count(sentence) == 1
    assert "No matching distribution found for canary" in ended.screen


def test_a_quarantined_project_is_blocked(person: Person) -> None:
    upload(person.workshop, age=timedelta(days=300))
    person.workshop.index.status = "quarantined"
    ended = person.types("install", "canary")
    assert ended.status == 40
    assert "quarantine" in ended.screen
    assert nothing_happened(person.workshop)
