"""Showing: a policy in the words of a policy file, with where each value came from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

from safe_pip.escaping import escaped
from safe_pip.policy.keys import KEYS
from safe_pip.policy.loading import ORGANISATION, LoadedPolicy
from safe_pip.policy.settings import (
    Action,
    AllowEntry,
    DenyEntry,
    Policy,
    PrivateName,
    Threshold,
    Thresholds,
    Unattended,
)


def policy_lines(loaded: LoadedPolicy, thresholds: Thresholds | None) -> Iterator[str]:
    """One line a key, then the files. Without the model's thresholds, "the model's" stands for
    them."""
    models = {"block_above": thresholds.block, "ask_above": thresholds.ask} if thresholds else {}
    for key in KEYS.values():
        value = shown_value(loaded.policy, key.field, models.get(key.field))
        yield f"{key.name} = {value}  # {escaped(loaded.source(key.field, thresholds))}"
    for layer in loaded.layers:
        standing = "counts" if layer.is_trusted else "may only tighten: not trusted"
        if layer.title == ORGANISATION:
            standing = "nothing below it loosens what it says"
        keys = layer.looser_keys(thresholds)
        looser = f"; looser: {', '.join(keys)}" if keys else ""
        unheard = f"; not heard: {', '.join(layer.unheard_keys)}" if layer.unheard_keys else ""
        yield f"# {layer.title}: {escaped(str(layer.file.path))} ({standing}{looser}{unheard})"


def shown_value(policy: Policy, field: str, model_threshold: float | None = None) -> str:
    """The value of one field as TOML, or in words where TOML has none for it."""
    value = getattr(policy, field)
    match value:
        case Threshold():
            return _threshold(value, model_threshold)
        case Action.ALLOW if field in ("advisories", "attestations", "changes"):
            return '"off"'
        case Action() | Unattended():
            return json.dumps(value.value)
        case bool():
            return json.dumps(value)
        case timedelta():
            return f'"{value // timedelta(hours=1)}h"'
        case frozenset():
            return f"[{', '.join(sorted(_entry(item) for item in value))}]"
        case _:
            raise TypeError(f"{field}: no words for {value!r}")


def _threshold(threshold: Threshold, model: float | None) -> str:
    if not threshold.includes_model:
        return str(threshold.fixed)
    if model is None:
        limit = "" if threshold.fixed > 1 else f", at most {threshold.fixed}"
        return f'"the model\'s{limit}"'
    return str(threshold.value(model))


def _entry(item: object) -> str:
    match item:
        case DenyEntry():
            return json.dumps(str(item))
        case AllowEntry():
            return "{" + ", ".join(_allow_parts(item)) + "}"
        case str():
            return json.dumps(item)
        case PrivateName():
            return f"{{{json.dumps(item.pattern)} = {json.dumps(item.index_url)}}}"
        case _:
            raise TypeError(f"no words for {item!r}")


def _allow_parts(entry: AllowEntry) -> Iterator[str]:
    yield f"project = {json.dumps(entry.project)}"
    if entry.specifier:
        yield f"version = {json.dumps(str(entry.specifier))}"
    if entry.sha256 is not None:
        yield f"sha256 = {json.dumps(entry.sha256)}"
    yield f"reason = {json.dumps(entry.reason)}"
    if entry.expires is not None:
        yield f"expires = {entry.expires.isoformat()}"
