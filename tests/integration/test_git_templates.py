"""What git copies into each clone from a person's own templates, with the whole command."""

from __future__ import annotations

import pytest

from tests.builders import write_tree
from tests.integration.canaries import PTH, project_files
from tests.integration.repositories import commit
from tests.integration.test_whole_command import Person, person  # noqa: F401


@pytest.mark.parametrize("named_by", ["settings", "variable"])
def test_hooks_of_a_person_s_own_templates_refuse_no_checkout(
    person: Person,  # noqa: F811
    named_by: str,
) -> None:
    """git copies them into each clone; there they would be a repository's own."""
    workshop = person.workshop
    templates = write_tree(workshop.folder / "templates", {"hooks/notify.py": PTH.format("hook")})
    settings = workshop.folder / "gitconfig"
    settings.write_text(f"[init]\n\ttemplateDir = {templates}\n", encoding="utf-8")
    folder = write_tree(workshop.folder / "canary", project_files("canary"))
    commit(workshop, folder)
    by_name = {
        "settings": {"GIT_CONFIG_GLOBAL": str(settings)},
        "variable": {"GIT_TEMPLATE_DIR": str(templates)},
    }
    ended = person.types("install", f"git+file://{folder}", **by_name[named_by])
    assert ended.status == 0, ended.screen
    assert "canary-1.0.dist-info" in workshop.installed()
