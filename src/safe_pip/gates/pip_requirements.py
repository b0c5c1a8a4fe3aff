"""Reading pip's requirements: what one is called, where it came from, who asked for it.

Child side: standard library only, Python 3.8 and newer.
"""

# pip's paths are text, and so are ours on its side.
# ruff: noqa: PTH109, PTH118, PTH119
from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

_GIT_TEMPLATES = "GIT_TEMPLATE_DIR"


def is_wheel(req: Any) -> bool:
    """As pip's make_distribution_for_install_requirement tells the two apart."""
    return bool(req.is_wheel)


def describe(req: Any) -> str:
    """A requirement in few words, without URLs, which can hold passwords."""
    if req.req is not None and not req.req.url:
        return str(req.req)
    return str(req.name or os.path.basename(req.source_dir or "") or "an unnamed requirement")


def ancestors(req: Any) -> list[str]:
    """The requirements that led to this one, outermost first; empty if the user named it."""
    chain: list[str] = []
    parent = req.comes_from if req is not None else None
    while parent is not None and not isinstance(parent, str) and len(chain) < 100:
        chain.append(describe(parent))
        parent = parent.comes_from
    return chain[::-1]


def requested_in(req: Any) -> str | None:
    """What pip says about where the outermost of those was written, such as
    ``-r requirements.txt (line 3)``; None for the command line."""
    parent = req
    for _ in range(100):
        if parent is None or isinstance(parent, str):
            break
        parent = parent.comes_from
    if not isinstance(parent, str):
        return None
    # pip makes the path of a file absolute that another one includes.
    here = os.path.join(os.getcwd(), "")
    flag, space, place = parent.partition(" ")
    return flag + space + (place[len(here) :] if place.startswith(here) else place)


def source_link(req: Any) -> Any:
    """Where it really came from: for a hit in the wheel cache, what that was built from."""
    return getattr(req, "cached_wheel_source_link", None) or req.link


def is_from_wheel_cache(req: Any) -> bool:
    return bool(
        getattr(req, "cached_wheel_source_link", None)  # pip >= 23.1
        or getattr(req, "original_link_is_in_wheel_cache", False)
    )


def origin_of(req: Any, *, is_build_requirement: bool) -> str:
    """The name of an OriginKind. A file or folder of this machine that an artifact names, and not
    the user, is a direct URL: nobody vouches for what lies there."""
    link, named = req.link, req.original_link
    is_ours = named is None or (req.user_supplied and not is_build_requirement)
    if req.editable:
        return "EDITABLE_VCS" if link.is_vcs else "EDITABLE"
    if is_from_wheel_cache(req):
        # A hit says no more of where it came from than its source.
        if named is None or (named.is_file and is_ours):
            return "WHEEL_CACHE"
        return "VCS" if named.is_vcs else "DIRECT_URL"
    if link.is_vcs:
        return "VCS"
    if link.is_existing_dir():
        return "DIRECTORY" if is_ours else "DIRECT_URL"
    if named is not None:
        return "FILE" if link.is_file and is_ours else "DIRECT_URL"
    # A file of a folder of links has no page that it was found on; one of an index on disk has.
    return "FILE" if link.is_file and link.comes_from is None else "INDEX"


def names_option(req: Any) -> bool:
    """Whether the revision, user or host of a checkout begins like an option: pip before 23.3 runs
    what ``hg`` is told to that way (CVE-2023-5752), and older version controls hand the host on to
    ssh (CVE-2017-1000116), before anything was fetched that could be inspected."""
    link = req.link
    if link is None or not link.is_vcs:
        return False
    parts = urlsplit(link.url)
    _, at, revision = parts.path.rpartition("@")
    user, _, host = parts.netloc.rpartition("@")
    words = (revision if at else "", user, host)
    return any(unquote(word).lstrip().startswith("-") for word in words)


@contextlib.contextmanager
def without_git_templates(req: Any) -> Iterator[None]:
    """A checkout that is thrown away after its build gets no hooks of the person's own templates:
    in there they could not be told from those that a repository brings."""
    if req.link is None or not req.link.is_vcs or req.editable:
        yield
        return
    before = os.environ.get(_GIT_TEMPLATES)
    os.environ[_GIT_TEMPLATES] = ""  # git: none at all.
    try:
        yield
    finally:
        os.environ.pop(_GIT_TEMPLATES, None)
        if before is not None:
            os.environ[_GIT_TEMPLATES] = before


def link_origin(link: Any) -> str:
    """The same for a download whose requirement is not known yet."""
    return "INDEX" if link.comes_from is not None else "DIRECT_URL"
