"""Where a model's weights lie on this machine: a folder, an installed package of weights, or the hub's cache.

Nothing here goes to the network, and nothing imports a package of weights.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from causalkit.errors import ModelUnavailable, UsageError
from causalkit.model_files.safety import refuse_unsafe
from causalkit.provenance import file_fingerprint, files_below

__all__ = ["find_weights", "folder_pin", "weights_fingerprint"]

_PACKAGE = "package:"
"""What `package:NAME/FOLDER` begins with: a folder in an installed import package."""
_SAMPLED = 1 << 28
"""Bytes above which a file of weights is sampled."""
_ORGANISATION = "sentence-transformers/"
_MARKERS = ("config.json", "modules.json")
"""A folder that holds one of these is a model's."""
_WITHOUT_HUB = "`encode: {item: minilm}` (`pip install causalkit-minilm`) and `encode: {item: lsa}` need no hub."


def find_weights(
    model: str, revision: str = "", *, trust_remote_code: bool = False, instead: str = _WITHOUT_HUB
) -> Path:
    """The folder of a model's files: `model` is its path, `package:NAME/FOLDER`, or a hub id that was downloaded.

    Parameters
    ----------
    revision : of a hub id, the commit, branch or tag to take from the cache; of a folder, what `folder_pin`
        must give for it. Empty: the newest that was downloaded, or the folder as it is.
    trust_remote_code : code that comes with the weights may be run; `revision` must then say which:
        the full commit, or the folder's pin.
    instead : what the error says does without this model.

    Raises
    ------
    ModelUnavailable : not on this machine, without safetensors, or made of code that is not trusted.
    UsageError : code is trusted that is not pinned.
    """
    folder = _packaged(model) if model.startswith(_PACKAGE) else _as_folder(model)
    commit = None
    if folder is None:
        folder = _cached(model, revision) or _cached(_ORGANISATION + model, revision)
        if folder is None:
            raise _missing(model, revision, instead)
        commit = folder.name
    elif revision:
        _check_pin(model, folder, revision)
    if trust_remote_code and not (revision == commit if commit else revision):
        pin = commit or folder_pin(folder)
        raise UsageError(
            f"`trust_remote_code` lets {model!r} run its own code, and `revision` does not say which",
            f"Read that code in {folder}, then pin it: `revision: {pin}`.",
        )
    refuse_unsafe(model, folder, trusted=trust_remote_code)
    return folder


def weights_fingerprint(
    model: str, revision: str = "", *, trust_remote_code: bool = False, instead: str = _WITHOUT_HUB
) -> str:
    """Hash of a model's files; raises as `find_weights` does."""
    folder = find_weights(model, revision, trust_remote_code=trust_remote_code, instead=instead)
    return file_fingerprint([folder], sample_above=_SAMPLED)


def folder_pin(folder: Path) -> str:
    """Hash of the names and contents of all files in a model's folder, but for hidden ones: 64 hex digits."""
    digest = hashlib.sha256()
    for path in files_below(folder):
        name = path.relative_to(folder)
        if not any(part.startswith(".") or part == "__pycache__" for part in name.parts):
            digest.update(f"{name.as_posix()} {file_fingerprint([path])}\0".encode())
    return digest.hexdigest()


def _check_pin(model: str, folder: Path, revision: str) -> None:
    pin = folder_pin(folder)
    if pin != revision:
        raise ModelUnavailable(
            f"the files of {model!r} are not those that `revision` pins: they have {pin}, it says {revision}",
            "If you know what changed and want it, pin what is there now.",
        )


def _as_folder(model: str) -> Path | None:
    place = Path(model).expanduser()
    return place if any((place / name).is_file() for name in _MARKERS) else None


def _packaged(model: str) -> Path | None:
    package, _, folder = model.removeprefix(_PACKAGE).partition("/")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    places = (spec.submodule_search_locations if spec else None) or ()
    return next((found for place in places if (found := _as_folder(str(Path(place) / folder)))), None)


def _cached(model: str, revision: str) -> Path | None:
    """The snapshot of a hub model that an earlier download left in the hub's own cache."""
    if model.count("/") != 1 or model.startswith((".", "/", "~")):
        return None
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = [try_to_load_from_cache(model, name, revision=revision or None) for name in _MARKERS]
    except HFValidationError:
        return None
    return next((Path(one).parent for one in found if isinstance(one, str)), None)


def _missing(model: str, revision: str, instead: str) -> ModelUnavailable:
    place = Path(model).expanduser()
    if model.startswith(_PACKAGE):
        how = f"`pip install {model.removeprefix(_PACKAGE).partition('/')[0].replace('_', '-')}`"
    elif place.is_file():
        return ModelUnavailable(f"{model!r} is a file, and a model is a folder of them", "Give the folder it lies in.")
    elif place.is_dir():
        return ModelUnavailable(
            f"the folder {model!r} holds no model: neither config.json nor modules.json is there",
            "Give the folder that `save_pretrained` or `hf download --local-dir` wrote.",
        )
    else:
        hub = model if "/" in model else _ORGANISATION + model
        how = f"`hf download {hub}{f' --revision {revision}' if revision else ''}` where there is a network"
    at = f" at revision {revision!r}" if revision and not model.startswith(_PACKAGE) else ""
    return ModelUnavailable(
        f"the model {model!r} is not on this machine{at}",
        f"Get it with {how}, or give the path of its folder. {instead}".strip(),
    )
