"""What the files of a model may be: safetensors, whole, in their own folder, and no code that nobody asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from causalkit.errors import ModelUnavailable
from causalkit.provenance import files_below

__all__ = ["code_of", "module_folders", "read_json", "refuse_unread", "refuse_unsafe"]

T = TypeVar("T", dict[str, Any], list[Any])
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt", "*.h5", "*.msgpack")
_CONFIGS = ("config.json", "tokenizer_config.json", "processor_config.json", "preprocessor_config.json")
_LIBRARY = "sentence_transformers."
_ROUTER = "router_config.json"
"""Names the parts of a part that chooses between several."""
_ELSEWHERE = {"adapter_kwargs", "gguf_file", "tokenizer_name_or_path", "weights_only"}
"""Settings of a part by which the library would read other files than its own, or other than safetensors."""


def refuse_unsafe(model: str, folder: Path, *, trusted: bool) -> None:
    """Raise `ModelUnavailable` for files of a model that are not read here; the error says what to do.

    Parameters
    ----------
    trusted : code that lies in the folder may be run.
    """
    _refuse_code(model, folder, trusted)
    for kind, place in module_folders(folder):
        if (place / "adapter_config.json").is_file():
            raise ModelUnavailable(
                f"the model {model!r} is an adapter (LoRA), which changes another model",
                "Merge the two once: `PeftModel.from_pretrained(base, adapter).merge_and_unload()`, then"
                " `save_pretrained(folder)`.",
            )
        _refuse_weights(model, place, needed=kind == "Transformer")


def refuse_unread(model: str, folder: Path) -> None:
    """Raise `ModelUnavailable` where the library would read what is not read here: it looks into parts of parts."""
    files = [path for path in files_below(folder) if not _is_hidden(path.relative_to(folder))]
    for place in sorted({path.parent for path in files}):
        _refuse_weights(model, place, needed=False)
    for path in files:
        if path.match("sentence_*.json"):
            _refuse_elsewhere(path, read_json(path, dict))


def _refuse_weights(model: str, place: Path, *, needed: bool) -> None:
    """Weights are in safetensors, under their usual name, and whole."""
    named = read_json(place / "config.json", dict).get("transformers_weights", _WEIGHTS[0])
    if named != _WEIGHTS[0]:
        raise ModelUnavailable(
            f"the model {_named(model, place)} takes its weights from {named!r}, and only {_WEIGHTS[0]} is read here",
            "Load it where you trust it, and `save_pretrained(folder)`.",
        )
    if not any((place / name).is_file() for name in _WEIGHTS):
        _refuse_without_safetensors(model, place, needed=needed)
    _refuse_torn(model, place)


def _refuse_elsewhere(path: Path, settings: dict[str, Any]) -> None:
    inner = {name for value in settings.values() if isinstance(value, dict) for name in value}
    found = sorted(_ELSEWHERE & (settings.keys() | inner))
    if found:
        raise ModelUnavailable(
            f"{path} sets {found[0]!r}, by which other files would be read than those of the model",
            "Choose another model, or save this one without that setting.",
        )


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def module_folders(folder: Path) -> list[tuple[str, Path]]:
    """The class and the folder of each part, the library's own by their last names; a bare model is a Transformer.

    Raises
    ------
    ModelUnavailable : a `modules.json` that is none, or that leads out of the folder.
    """
    if not (folder / "modules.json").is_file():
        return [("Transformer", folder)]
    found = []
    for part in read_json(folder / "modules.json", list):
        if not isinstance(part, dict) or not isinstance(part.get("type"), str):
            raise ModelUnavailable(f"{folder / 'modules.json'} does not list modules", "Get its files again.")
        named = part["type"].rsplit(".", 1)[-1] if part["type"].startswith(_LIBRARY) else part["type"]
        found.append((named, _inside(folder, part.get("path", ""))))
    return found


def code_of(folder: Path) -> list[str]:
    """References to code that comes with a model, as its files name it."""
    places = {folder, *(place for _, place in module_folders(folder))}
    named = [
        one
        for place in sorted(places)
        for name in _CONFIGS
        for one in _flat(read_json(place / name, dict).get("auto_map") or {})
    ]
    if (folder / "modules.json").is_file():
        types = [str(part["type"]) for part in read_json(folder / "modules.json", list)]
        types += [one for place in sorted(places) for one in _flat(read_json(place / _ROUTER, dict).get("types"))]
        named += [one for one in types if not one.startswith(_LIBRARY)]
    return named


def _flat(found: Any) -> Iterator[str]:
    if isinstance(found, str):
        yield found
    elif found:
        for one in found.values() if isinstance(found, dict) else found:
            yield from _flat(one)


def _refuse_code(model: str, folder: Path, trusted: bool) -> None:
    named = code_of(folder)
    elsewhere = next((one.partition("--")[0] for one in named if "--" in one), None)
    if named and elsewhere:
        raise ModelUnavailable(
            f"the model {model!r} takes code from another place, {elsewhere!r}, which no revision of it can pin",
            "Put that code into a copy of its folder, and name it there in `auto_map`.",
        )
    if named and not trusted:
        raise ModelUnavailable(
            f"the model {model!r} needs code that comes with its weights ({named[0]}), which is not run unasked",
            "Choose a model of a standard architecture, or read that code and set `trust_remote_code: true` with"
            " the `revision` that you have read.",
        )


def _refuse_without_safetensors(model: str, place: Path, *, needed: bool) -> None:
    other = next((path for kind in _PICKLED for path in place.glob(kind) if path.name != "training_args.bin"), None)
    if other is not None:
        raise ModelUnavailable(
            f"the model {_named(model, place)} has no safetensors; pickled weights ({other.name}) are never read",
            "Convert it once with `save_pretrained(folder)` on a machine where you trust the file.",
        )
    if not needed:
        return
    for kind, name in (("*.gguf", "GGUF"), ("*.onnx", "ONNX"), ("onnx/*.onnx", "ONNX")):
        if any(place.glob(kind)):
            raise ModelUnavailable(
                f"the model {_named(model, place)} has {name} files alone, which are not read here",
                "Get the model that it was made from, in safetensors.",
            )
    raise ModelUnavailable(f"the model {_named(model, place)} has no weights (model.safetensors)", _again(model, place))


def _refuse_torn(model: str, place: Path) -> None:
    """Weights in several files: all are there, and lie in the folder."""
    if (place / _WEIGHTS[0]).is_file() or not (place / _WEIGHTS[1]).is_file():
        return
    index = read_json(place / _WEIGHTS[1], dict).get("weight_map")
    if not isinstance(index, dict) or not index:
        raise ModelUnavailable(f"{place / _WEIGHTS[1]} names no weights", _again(model, place))
    lacking = [name for name in sorted({str(n) for n in index.values()}) if not _inside(place, name).is_file()]
    if lacking:
        raise ModelUnavailable(
            f"the model {_named(model, place)} lacks {len(lacking)} of its files, such as {lacking[0]}",
            _again(model, place),
        )


def _inside(folder: Path, name: Any) -> Path:
    """The path of `name`, which must not lead out of `folder`; links, as in the hub's cache, are fine."""
    path = PurePosixPath(str(name))
    if path.is_absolute() or ".." in path.parts or "\\" in str(name):
        raise ModelUnavailable(f"a file of the model at {folder} names {name!r}, outside its folder", "Do not use it.")
    return folder / path


def _named(model: str, place: Path) -> str:
    return repr(model) if Path(model).expanduser() == place else f"{model!r} at {place}"


def _again(model: str, place: Path) -> str:
    cached = "snapshots" in place.parts
    return f"Get it whole with `hf download {model}` where there is a network." if cached else "Get its files again."


def read_json(path: Path, kind: type[T]) -> T:
    """The object or list in a JSON file; empty where there is no such file.

    Raises
    ------
    ModelUnavailable : a file that cannot be read, or is something else.
    """
    try:
        found = json.loads(path.read_text("utf-8")) if path.is_file() else kind()
    except (OSError, ValueError, RecursionError) as error:
        raise ModelUnavailable(f"{path} cannot be read: {error}", "Get the model's files again.") from None
    if not isinstance(found, kind):
        raise ModelUnavailable(f"{path} does not hold a JSON {_JSON[kind]}", "Get the model's files again.")
    return found


_JSON = {dict: "object", list: "list"}
