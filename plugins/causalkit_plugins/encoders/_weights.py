"""Where a model's weights lie on this machine: a folder, an installed package of weights, or the hub's cache.

Nothing here goes to the network, and nothing imports a package of weights.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

from causalkit.errors import ModelUnavailable
from causalkit.provenance import file_fingerprint

__all__ = ["find_weights", "read_json", "weights_fingerprint"]

_PACKAGE = "package:"
"""What `package:NAME/FOLDER` begins with: a folder in an installed import package."""
_SAMPLED = 1 << 28
"""Bytes above which a file of weights is sampled."""
_ORGANISATION = "sentence-transformers/"


def find_weights(model: str) -> Path:
    """The folder of a model's files: `model` is its path, `package:NAME/FOLDER`, or a hub id that was downloaded.

    Raises
    ------
    ModelUnavailable : not on this machine, without safetensors, or made of code of its own.
    """
    found = _packaged(model) if model.startswith(_PACKAGE) else _as_folder(model)
    folder = found or _cached(model) or _cached(_ORGANISATION + model)
    if folder is None:
        raise ModelUnavailable(f"the model {model!r} is not on this machine", _how_to_get(model))
    _check(model, folder)
    return folder


def weights_fingerprint(model: str) -> str:
    """Hash of a model's files; raises as `find_weights` does."""
    return file_fingerprint([find_weights(model)], sample_above=_SAMPLED)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is no such file."""
    return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}


def _as_folder(model: str) -> Path | None:
    place = Path(model).expanduser()
    return place if (place / "config.json").is_file() or (place / "modules.json").is_file() else None


def _packaged(model: str) -> Path | None:
    package, _, folder = model.removeprefix(_PACKAGE).partition("/")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    places = (spec.submodule_search_locations if spec else None) or ()
    return next((found for place in places if (found := _as_folder(str(Path(place) / folder)))), None)


def _cached(model: str) -> Path | None:
    """The snapshot of a hub model that an earlier download left in the hub's own cache."""
    if model.count("/") != 1 or model.startswith((".", "/", "~")):
        return None
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(model, "config.json")
    except HFValidationError:
        return None
    return Path(found).parent if isinstance(found, str) else None


def _how_to_get(model: str) -> str:
    package = model.removeprefix(_PACKAGE).partition("/")[0].replace("_", "-")
    install = (
        f"`pip install {package}`" if model.startswith(_PACKAGE) else f"`hf download {model}` where there is a network"
    )
    return (
        f"Get it with {install}, or give the path of its folder. "
        "`encode: {item: minilm}` (`pip install causalkit-minilm`) and `encode: {item: lsa}` need no hub."
    )


def _check(model: str, folder: Path) -> None:
    config = read_json(folder / "config.json")
    if "auto_map" in config:
        raise ModelUnavailable(
            f"the model {model!r} needs code that comes with its weights, which is never run here",
            "Choose a model of a standard architecture.",
        )
    if not any(folder.rglob("*.safetensors")):
        raise ModelUnavailable(
            f"the model {model!r} at {folder} has no safetensors; pickled weights are never read",
            "Convert it once with `save_pretrained(folder)` on a machine where you trust the file.",
        )
