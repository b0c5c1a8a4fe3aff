"""What the index says reaches the policy, from pages in JSON and in HTML, with every pip."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from safe_pip.policy.rules import Context
from tests.builders import write_wheel
from tests.integration.conftest import Workshop
from tests.integration.loopback_index import LoopbackIndex, serve
from tests.integration.reviewers import RecordingReviewer

ALPHA = "alpha-1.0-py3-none-any.whl"


@pytest.fixture
def other(tmp_path: Path) -> Iterator[LoopbackIndex]:
    folder = tmp_path / "other"
    folder.mkdir()
    with serve(LoopbackIndex(folder)) as index:
        yield index


def context_of(workshop: Workshop, *arguments: str, wanted: str = "alpha") -> Context:
    reviewer = RecordingReviewer()
    assert workshop.guarded(reviewer, "install", *arguments, wanted) == 0
    return reviewer.arrival(ALPHA).context


@pytest.mark.parametrize(
    ("told", "understood"),
    [
        ("2026-01-02T03:04:05.678901Z", datetime(2026, 1, 2, 3, 4, 5, 678901, timezone.utc)),
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, 0, timezone.utc)),
    ],
)
def test_the_upload_time_comes_from_a_page_in_json(
    workshop: Workshop, told: str, understood: datetime
) -> None:
    write_wheel(workshop.archives, "alpha")
    workshop.index.is_json = True
    workshop.index.upload_times[ALPHA] = told
    context = context_of(workshop)
    assert context.uploaded_at == understood
    assert context.page_format == "json"
    assert context.index_url == f"{workshop.index.url}alpha/"


@pytest.mark.parametrize("is_json", [True, False])
def test_yanked_and_quarantined_are_told(workshop: Workshop, is_json: bool) -> None:
    write_wheel(workshop.archives, "alpha")
    workshop.index.is_json = is_json
    workshop.index.yanked[ALPHA] = "it is broken"
    workshop.index.status = "quarantined"
    context = context_of(workshop, wanted="alpha==1.0")
    assert context.yanked == "it is broken"
    assert context.project_status == "quarantined"
    assert context.page_format == ("json" if is_json else "html")
    assert context.uploaded_at is None


def test_a_name_on_another_index_is_told(workshop: Workshop, other: LoopbackIndex) -> None:
    write_wheel(workshop.archives, "alpha")
    write_wheel(other.folder, "alpha", version="0.9")
    context = context_of(workshop, "--extra-index-url", other.url)
    assert context.other_indexes == (other.url,)


def test_a_mirror_of_the_same_file_is_no_other_index(
    workshop: Workshop, other: LoopbackIndex
) -> None:
    write_wheel(workshop.archives, "alpha")
    (other.folder / ALPHA).write_bytes((workshop.archives / ALPHA).read_bytes())
    context = context_of(workshop, "--extra-index-url", other.url)
    assert context.other_indexes == ()
    write_wheel(other.folder, "beta")
    workshop.make_environment()
    assert context_of(workshop, "--extra-index-url", other.url).other_indexes == ()
