"""Files that land where a package has no business, or are run from where nobody looks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from safe_pip.distribution import Distribution, SourceFile
from safe_pip.evidence import MAX_EXCERPT_CHARS, Evidence, Location, Surface
from safe_pip.extractors.build_system import inner_backend
from safe_pip.extractors.dated_list import load_list
from safe_pip.extractors.popular import POPULAR_NAMES
from safe_pip.extractors.top_level import top_level_modules
from safe_pip.extractors.wheel_layout import is_wheel, scheme_path
from safe_pip.feature import Feature, Fold, Group

FEATURES = (
    Feature(
        name="data_scripts",
        group=Group.FILE,
        fold=Fold.ANY,
        is_monotone=True,
        reason="a ready-made script is put on PATH as it is, beside the declared entry points",
        says="puts ready-made scripts on PATH",
    ),
    Feature(
        name="data_escape",
        group=Group.FILE,
        fold=Fold.ANY,
        is_monotone=True,
        reason="files outside of the package's own folders can tamper with others",
        says="installs files outside of its own folders",
    ),
    Feature(
        name="overwrites_popular_toplevel",
        group=Group.FILE,
        fold=Fold.ANY,
        is_monotone=True,
        reason="a module of another project's name hijacks its import",
        says="installs a module under the name of a popular project",
    ),
    Feature(
        name="hidden_dot_code",
        group=Group.FILE,
        fold=Fold.ANY,
        is_monotone=True,
        reason="no library imports code from a hidden folder",
        says="hides code in a folder or file whose name starts with a dot",
    ),
    Feature(
        name="inner_build_backend",
        group=Group.FILE,
        fold=Fold.ANY,
        is_monotone=True,
        reason="code that runs while building, without a setup.py",
        says="builds with code of its own",
    ),
)

# Where wheels conventionally put what is no code: Jupyter, man pages, desktop files, headers.
_CONVENTIONAL_DATA = frozenset({"share", "etc", "include", "man", "doc", "docs"})
_DOT_PART = re.compile(r"(?:^|/)(\.[^/]+)")
# Folders of development tools, and where delocate and auditwheel put libraries.
_DEVELOPMENT_FOLDERS = (
    ".github .gitlab .circleci .ci .azure .azure-pipelines .buildkite .devcontainer .vscode .idea "
    ".travis .binder .libs .dylibs .pre-commit-hooks .husky .yarn .conda .builders .kokoro "
    ".evergreen .semaphore .readthedocs .storybook .cargo .eslintrc.js .prettierrc.js "
    ".pylintrc.py .ycm_extra_conf.py"
)
_KNOWN_DOT_NAMES = frozenset(_DEVELOPMENT_FOLDERS.split())
_CODE_NAME = re.compile(r"\.(?:py|pyw|pyc|pyd|so|dll|exe|sh|bat|ps1|vbs|js)$", re.IGNORECASE)
_N_HIJACKED = 500


def observe(distribution: Distribution) -> Iterator[Evidence]:
    """Evidence about places. Raises UnscannableError when a member cannot be read."""
    for file in distribution.files:
        if is_wheel(distribution):
            yield from _observe_scheme(file)
        for match in _DOT_PART.finditer(file.path):
            if match[1] not in _KNOWN_DOT_NAMES and _CODE_NAME.search(file.path):
                yield _seen("hidden_dot_code", file.path, f"is code under {match[1][:40]}")
                break
    yield from _observe_hijack(distribution)
    yield from _observe_backend(distribution)


def _observe_scheme(file: SourceFile) -> Iterator[Evidence]:
    scheme, below = scheme_path(file.path)
    if scheme == "scripts":
        yield _seen("data_scripts", file.path, f"is put on PATH as {below[:60]}")
    elif scheme == "data" and below.partition("/")[0] not in _CONVENTIONAL_DATA:
        yield _seen("data_escape", file.path, f"lands at {below[:60]} of the environment")


def _observe_hijack(distribution: Distribution) -> Iterator[Evidence]:
    own = (distribution.project or "").replace("-", "").replace("_", "")
    for module in sorted(top_level_modules(distribution) & _popular_modules()):
        if module.lower().replace("_", "") != own:
            path = _first_path_of(module, distribution)
            yield _seen(
                "overwrites_popular_toplevel",
                path,
                f"installs {module}, the module of another, popular project",
            )


@cache
def _popular_modules() -> frozenset[str]:
    """Import names of the most popular projects, as far as they are the projects' names."""
    names = load_list(POPULAR_NAMES).entries[:_N_HIJACKED]
    return frozenset(name.replace("-", "_") for name in names)


def _first_path_of(module: str, distribution: Distribution) -> str:
    part = re.compile(rf"(?:^|/){re.escape(module)}(?:/|\.\w+)")
    found = (file.path for file in distribution.files if part.search(file.path))
    return min(found, key=lambda path: (path.count("/"), path), default="")


def _observe_backend(distribution: Distribution) -> Iterator[Evidence]:
    """PEP 517: ``backend-path`` names folders of the source from which the back end is loaded."""
    file = None if is_wheel(distribution) else distribution.by_path.get("pyproject.toml")
    backend = inner_backend(file)
    if file is None or backend is None:
        return
    text = file.read().decode("utf-8", "replace")
    line = text.count("\n", 0, max(text.find("backend-path"), 0)) + 1
    yield Evidence(
        feature="inner_build_backend",
        location=Location(path=file.path, line=line),
        surface=Surface.BUILD_BACKEND,
        excerpt=text.splitlines()[line - 1][:MAX_EXCERPT_CHARS],
        detail=f"loads {backend.name[:60]} from the source itself",
    )


def _seen(feature: str, path: str, detail: str) -> Evidence:
    return Evidence(feature=feature, location=Location(path=path), detail=detail)
