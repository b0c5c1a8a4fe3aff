"""The model that ships with safe-pip, as files: checked before anything is started."""

from __future__ import annotations

import functools
import hashlib
import importlib
from pathlib import Path

from safe_pip.errors import ModelError
from safe_pip.scoring.manifest import REINSTALL, Manifest, parse_manifest

GRAPH = "safe_pip.onnx"
MANIFEST = "manifest.json"


def model_folder() -> Path:
    """Raises ModuleNotFoundError if it is missing. (importlib.resources would import as much as
    all of the rest that is needed here.)"""
    place = importlib.import_module("safe_pip._model").__file__
    if place is None:
        raise ModuleNotFoundError("safe_pip._model has no files")
    return Path(place).parent


@functools.cache
def shipped_manifest() -> Manifest:
    """What the model says of itself, without a look at the model. Raises ModelError."""
    try:
        text = (model_folder() / MANIFEST).read_text(encoding="utf-8")
    except (OSError, ModuleNotFoundError, UnicodeDecodeError) as error:
        raise ModelError(f"the model cannot be read: {error}", hint=REINSTALL) from error
    return parse_manifest(text)


def check_shipped_model() -> Manifest:
    """The manifest, if the graph beside it is whole. Milliseconds: nothing heavy is imported.

    Raises ModelError for a missing or damaged model. That it fits the features is for the
    scorer to say.
    """
    manifest = shipped_manifest()
    try:
        graph = (model_folder() / GRAPH).read_bytes()
    except (OSError, ModuleNotFoundError) as error:
        raise ModelError(f"the model cannot be read: {error}", hint=REINSTALL) from error
    if hashlib.sha256(graph).hexdigest() != manifest.onnx_sha256:
        raise ModelError("the model is not the one its manifest describes", hint=REINSTALL)
    return manifest
