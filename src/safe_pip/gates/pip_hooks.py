"""The hooks: where in pip the guard stands.

Child side: standard library only, Python 3.8 and newer.
"""

# pip's paths are text, and so are ours on its side.
# ruff: noqa: PTH120
from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Callable, NamedTuple  # noqa: UP035 - Python 3.8

from .pip_files import digests
from .pip_guard import Guard
from .pip_requirements import is_wheel

Wrapped = Callable[..., Any]


class Unguardable(Exception):
    """This pip lacks a place where the guard has to stand."""


def guard_metadata(guard: Guard, original: Wrapped) -> Wrapped:
    def _get_prepared_distribution(req: Any, *args: Any, **kwargs: Any) -> Any:
        guard.before_metadata(req)
        try:
            with guard.building(req):
                return original(req, *args, **kwargs)
        except Exception as error:
            guard.metadata_failed(req, error)
            raise

    return _get_prepared_distribution


def guard_unpacking(guard: Guard, original: Wrapped) -> Wrapped:
    def unpack_file(filename: str, location: str, content_type: str | None = None) -> None:
        guard.before_unpacking(filename, location, content_type)
        guard.last_look(filename, is_shared=True)
        original(filename, location, content_type)

    return unpack_file


def note_preparation(guard: Guard, original: Wrapped) -> Wrapped:
    def _prepare_linked_requirement(self: Any, req: Any, *args: Any, **kwargs: Any) -> Any:
        with guard.preparing(req):
            return original(self, req, *args, **kwargs)

    return _prepare_linked_requirement


def announce(guard: Guard, original: Wrapped) -> Wrapped:
    def prepare_linked_requirement(self: Any, req: Any, *args: Any, **kwargs: Any) -> Any:
        guard.expected(req.link)
        return original(self, req, *args, **kwargs)

    return prepare_linked_requirement


def guard_set(guard: Guard, original: Wrapped) -> Wrapped:
    def prepare_linked_requirements_more(
        self: Any, reqs: Iterable[Any], *args: Any, **kwargs: Any
    ) -> None:
        reqs = list(reqs)
        original(self, reqs, *args, **kwargs)
        if self.download_dir is not None:  # pip download and pip wheel save right after this
            guard.barrier([req for req in reqs if is_wheel(req) and req.local_file_path])

    return prepare_linked_requirements_more


def guard_saving(guard: Guard, original: Wrapped) -> Wrapped:
    def save_linked_requirement(self: Any, req: Any) -> None:
        link = req.link
        if not (link.is_vcs or link.is_existing_dir() or req.local_file_path is None):
            guard.last_look(req.local_file_path, is_shared=link.is_file)
        original(self, req)

    return save_linked_requirement


def guard_installation(guard: Guard, original: Wrapped) -> Wrapped:
    def install_given_reqs(requirements: list[Any], *args: Any, **kwargs: Any) -> Any:
        elsewhere = any(kwargs.get(name) for name in ("root", "home", "prefix"))
        guard.plan(requirements, None if elsewhere else sys.prefix)
        guard.barrier(requirements)
        return original(requirements, *args, **kwargs)

    return install_given_reqs


def guard_install(guard: Guard, original: Wrapped) -> Wrapped:
    def install(self: Any, *args: Any, **kwargs: Any) -> Any:
        link = self.link
        guard.last_look(self.local_file_path, is_shared=link is None or link.is_file)
        return original(self, *args, **kwargs)

    return install


def guard_build(guard: Guard, original: Wrapped) -> Wrapped:
    def _build_one(req: Any, *args: Any, **kwargs: Any) -> Any:
        guard.before_build(req)
        with guard.building(req):
            path = original(req, *args, **kwargs)
        if path is not None:
            guard.built(req, path)
        return path

    return _build_one


def start_early(guard: Guard, original: Wrapped) -> Wrapped:
    def __call__(self: Any, link: Any, location: str) -> Any:
        path, content_type = original(self, link, location)
        guard.downloaded(link, path)
        return path, content_type

    return __call__


def start_batch_early(guard: Guard, original: Wrapped) -> Wrapped:
    def __call__(self: Any, links: Iterable[Any], location: str) -> Iterator[Any]:
        for link, (path, content_type) in original(self, links, location):
            guard.downloaded(link, path)
            yield link, (path, content_type)

    return __call__


def note_drawing(guard: Guard, original: Wrapped) -> Wrapped:
    def install(self: Any, *args: Any, **kwargs: Any) -> Any:
        guard.drawing_depth += 1
        try:
            return original(self, *args, **kwargs)
        finally:
            guard.drawing_depth -= 1

    return install


def read_pages(guard: Guard, original: Wrapped) -> Wrapped:
    def parse_links(page: Any, *args: Any, **kwargs: Any) -> Any:
        links = list(original(page, *args, **kwargs))
        guard.signals.page_was_read(page, links)
        return links

    return parse_links


def note_upload_times(guard: Guard, original: Wrapped) -> Wrapped:
    def from_json(file_data: Any, *args: Any, **kwargs: Any) -> Any:
        link = original(file_data, *args, **kwargs)
        if link is not None:
            guard.signals.file_was_named(link, file_data)
        return link

    return staticmethod(from_json)  # it takes the place of a class method


class Hook(NamedTuple):
    """A function of pip's that is replaced wherever a module of pip holds it.

    ``parameters`` are those that have had the same names since pip 22.3. A hook that is not
    ``required`` saves time or serves the display; without it nothing gets through.
    """

    module: str
    name: str
    parameters: tuple[str, ...]
    wrap: Callable[[Guard, Wrapped], Wrapped]
    required: bool = True


PREPARE = "pip._internal.operations.prepare"
HOOKS = (
    Hook(PREPARE, "_get_prepared_distribution", ("req",), guard_metadata),
    Hook("pip._internal.utils.unpacking", "unpack_file", ("filename", "location", "content_type"),
         guard_unpacking),
    Hook(PREPARE, "RequirementPreparer._prepare_linked_requirement", ("self", "req"),
         note_preparation),
    Hook(PREPARE, "RequirementPreparer.prepare_editable_requirement", ("self", "req"),
         note_preparation),
    Hook(PREPARE, "RequirementPreparer.prepare_linked_requirements_more", ("self", "reqs"),
         guard_set),
    Hook(PREPARE, "RequirementPreparer.save_linked_requirement", ("self", "req"), guard_saving),
    Hook("pip._internal.req", "install_given_reqs", ("requirements",), guard_installation),
    Hook("pip._internal.req.req_install", "InstallRequirement.install", ("self",), guard_install),
    Hook("pip._internal.wheel_builder", "_build_one", ("req", "output_dir"), guard_build),
    Hook(PREPARE, "RequirementPreparer.prepare_linked_requirement", ("self", "req"), announce,
         required=False),
    Hook("pip._internal.network.download", "Downloader.__call__", ("self", "link", "location"),
         start_early, required=False),
    Hook("pip._internal.network.download", "BatchDownloader.__call__",
         ("self", "links", "location"), start_batch_early, required=False),
    Hook("pip._internal.index.collector", "parse_links", (), read_pages, required=False),
    Hook("pip._internal.models.link", "Link.from_json", ("cls", "file_data", "page_url"),
         note_upload_times, required=False),
    Hook("pip._internal.build_env", "InprocessBuildEnvironmentInstaller.install", ("self",),
         note_drawing, required=False),
)  # fmt: skip
# Nested pips and --python start this script; pip moved its definition in 26.2.
RUNNABLE_PIP = "get_runnable_pip"
RUNNABLE_PIP_HOLDERS = ("pip._internal.cli.main_parser", "pip._internal.build_env")


def install_hooks(guard: Guard, runner: str) -> None:
    """Raises Unguardable, naming it, for a hook that this pip has no place for."""
    for hook in HOOKS:
        module = import_pip_module(hook.module)
        owner, _, name = hook.name.rpartition(".")
        holder = getattr(module, owner, None) if owner else module
        original = getattr(holder, name, None)
        if original is None or holder is None:
            if hook.required:
                raise Unguardable(f"{hook.module}.{hook.name} is missing")
            continue
        code = getattr(original, "__code__", None)
        count = len(hook.parameters)
        if code is None or code.co_varnames[: code.co_argcount][:count] != hook.parameters:
            if hook.required:
                raise Unguardable(f"{hook.module}.{hook.name} has other parameters")
            continue
        wrapper = hook.wrap(guard, original)
        if owner:
            setattr(holder, name, wrapper)
        else:
            replace_everywhere(name, original, wrapper)
    redirect_nested_pips(guard, runner)


def redirect_nested_pips(guard: Guard, runner: str) -> None:
    as_made = digests(os.path.dirname(runner))

    def get_runnable_pip() -> str:
        guard.before_nested_pip(os.path.dirname(runner), as_made)
        return runner

    for name in RUNNABLE_PIP_HOLDERS:
        import_pip_module(name)
    holders = [module for _, module in pip_modules() if RUNNABLE_PIP in vars(module)]
    for module in holders:
        setattr(module, RUNNABLE_PIP, get_runnable_pip)
    names = {module.__name__ for module in holders}
    starts_nested = any(name.startswith("pip._internal.build_env") for name in names)
    if not starts_nested or RUNNABLE_PIP_HOLDERS[0] not in names:
        raise Unguardable(f"{RUNNABLE_PIP} is not where nested pips are started")


def replace_everywhere(name: str, original: Wrapped, wrapper: Wrapped) -> None:
    """Modules that import a function by name hold it themselves."""
    for _, module in pip_modules():
        if vars(module).get(name) is original:
            setattr(module, name, wrapper)


def pip_modules() -> list[tuple[str, Any]]:
    return [
        (name, module)
        for name, module in list(sys.modules.items())
        if name.startswith("pip._internal") and module is not None
    ]


def import_pip_module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    # A pip that is too new for this Python fails as it likes.
    except (ImportError, SyntaxError, TypeError, AttributeError) as error:
        raise Unguardable(f"{name} cannot be imported ({error})") from error
