"""Surroundings: what safe-pip takes from its environment; nothing below the command line does."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from safe_pip.cli.folders import APPLICATION, cache_folder, verdicts_folder
from safe_pip.policy.loading import OWN_FILE, LoadedPolicy, load_policy
from safe_pip.policy.trust import TrustedFiles
from safe_pip.terminal.keyboard import OpenKeyboard, open_keyboard

_USUAL_ORGANISATION_FOLDER = Path("/etc/xdg") / APPLICATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Folders of the user's and the environment variables of this process."""

    environ: Mapping[str, str]
    working_folder: Path
    config_folder: Path
    cache_folder: Path
    data_folder: Path
    # Folders of the whole machine, the later ones over the earlier ones.
    organisation_folders: tuple[Path, ...] = ()

    @property
    def user_policy(self) -> Path:
        return self.config_folder / OWN_FILE

    @property
    def trusted(self) -> TrustedFiles:
        return TrustedFiles(register=self.config_folder / "trusted.json")

    @property
    def verdicts_folder(self) -> Path:
        return verdicts_folder(self.cache_folder)

    @property
    def advisories_file(self) -> Path:
        return self.data_folder / "advisories.sqlite3"

    def load_policy(self, given: Path | None, *, with_project: bool = True) -> LoadedPolicy:
        return load_policy(
            user_file=self.user_policy,
            start_folder=self.working_folder if with_project else None,
            given=given,
            trusted=self.trusted,
            organisation_files=[folder / OWN_FILE for folder in self.organisation_folders],
        )

    def keyboard(self, arguments: Sequence[str], *, is_unattended: bool) -> OpenKeyboard | None:
        """Where a question can be asked, or None: in CI, where pip was told not to ask, and
        without a terminal nobody would answer."""
        told_not_to = is_unattended or "--no-input" in arguments
        if told_not_to or _is_set(self.environ, "CI") or _is_set(self.environ, "PIP_NO_INPUT"):
            return None
        try:
            with open_keyboard():
                return open_keyboard
        except OSError:
            return None


def current_surroundings() -> Surroundings:
    import platformdirs

    return Surroundings(
        environ=os.environ,
        working_folder=Path.cwd(),
        config_folder=platformdirs.user_config_path(APPLICATION, appauthor=False),
        cache_folder=cache_folder(),
        data_folder=platformdirs.user_data_path(APPLICATION, appauthor=False),
        organisation_folders=_organisation_folders(),
    )


def _organisation_folders() -> tuple[Path, ...]:
    """The machine's configuration folders, the most important one last.

    On Unix a variable of the environment names them, and must not make the usual one go away.
    """
    import platformdirs

    named = platformdirs.site_config_dir(APPLICATION, appauthor=False, multipath=True)
    # A relative one would lie in the working directory, whoever's that is.
    folders = [Path(name) for name in named.split(os.pathsep) if Path(name).is_absolute()]
    if os.name == "posix" and sys.platform != "darwin":
        folders.append(_USUAL_ORGANISATION_FOLDER)
    return tuple(reversed(dict.fromkeys(folders)))


def _is_set(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "").strip().lower() not in ("", "0", "false", "no", "off", "n", "f")
