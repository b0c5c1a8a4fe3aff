"""Build hooks: what a build frontend calls in a build backend (PEP 517, PEP 660), and what
hatchling, pdm, poetry and setuptools call in a script that they are told to run."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from safe_pip.extractors.values import Function, Value

_HOOKS = frozenset(
    """build_editable build_sdist build_wheel get_requires_for_build_editable
    get_requires_for_build_sdist get_requires_for_build_wheel prepare_metadata_for_build_editable
    prepare_metadata_for_build_wheel
    build clean dependencies finalize finalize_options get_build_hook get_metadata_hook initialize
    initialize_options run update
    pdm_build_clean pdm_build_finalize pdm_build_hook_enabled pdm_build_initialize
    pdm_build_update_files""".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildHooks:
    """Functions and methods of these names are hooks; with ``may_be_any``, so may be every other
    that the module defines, under a hook's name that is given to it later."""

    names: frozenset[str]
    may_be_any: bool

    def among(
        self,
        defined: Sequence[Function],
        scope: Mapping[str, Value],
        member_of: Callable[[Function, str], Value | None],
    ) -> list[Function]:
        """Functions and methods of these names, and what goes by them, also of other modules, and
        classes, which are made."""
        found = {one.node: one for one in defined if getattr(one.node, "name", "") in self.names}
        for name, value in scope.items() if self.names else ():
            owner = value.function
            if owner is not None and name in self.names:
                found[owner.node] = owner
            if owner is not None and owner.is_class:
                members = [member_of(owner, name) for name in sorted(self.names)]
                given = [one.function for one in members if one is not None and one.function]
                found |= {one.node: one for one in given if not one.is_class}
        return list(found.values())


NO_HOOKS = BuildHooks(names=frozenset(), may_be_any=False)


def build_hooks(tree: ast.Module, more: frozenset[str] = frozenset()) -> BuildHooks:
    """The hooks of a build backend's module; ``more`` are names by which others know them."""
    return BuildHooks(names=_HOOKS | more, may_be_any=any(map(_gives_a_name, ast.walk(tree))))


def _gives_a_name(node: ast.AST) -> bool:
    """Whether a name of a hook, or any name asked for, comes to mean something by this node."""
    match node:
        case ast.Assign(targets=targets, value=value):
            return not _is_of_a_module(value) and any(map(_names_a_hook, targets))
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            return not _is_of_a_module(value) and _names_a_hook(target)
        case ast.NamedExpr(target=target, value=value):
            return not _is_of_a_module(value) and _names_a_hook(target)
        case ast.Subscript(slice=ast.Constant(value=str(name)), ctx=ast.Store()):
            return name in _HOOKS
        case ast.Call(func=ast.Name(id="setattr"), args=[_, ast.Constant(value=name), *_]):
            return name in _HOOKS
        case ast.Call(keywords=keywords):
            return any(keyword.arg in _HOOKS for keyword in keywords)
        case ast.Dict(keys=keys):
            return any(isinstance(key, ast.Constant) and key.value in _HOOKS for key in keys)
        case ast.FunctionDef(name="__getattr__"):
            return True
        case _:
            return False


def _names_a_hook(target: ast.expr) -> bool:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in _HOOKS
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return any(map(_names_a_hook, parts))
        case _:
            return False


def _is_of_a_module(value: ast.expr) -> bool:
    """``build_sdist = _orig.build_sdist``: a wrapper hands on what it does not change."""
    return isinstance(value, ast.Attribute) and value.attr in _HOOKS
