"""What the files of a sentence-transformers model say: its parts, its limits and its prompts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from causalkit.errors import ModelUnavailable
from causalkit.model_files import module_folders, read_json
from causalkit_plugins.encoders._pooling import Pooling, pooling_of

__all__ = ["Make", "make_of", "prompts_of"]

_USUAL = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
_HANDLED = ("max_seq_length", "do_lower_case", "transformer_task", "modality_config", "module_output_name")
_TEXT = {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}
_SETTINGS = "sentence_{}_config.json"
_OLD_NAMES = ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")


@dataclass(frozen=True)
class Make:
    """A model of the usual make: the transformer's folder, and what is done with its token vectors."""

    folder: Path
    pooling: Pooling = "mean"
    pool_prompt: bool = True
    normalise: bool = False
    limit: int | None = None
    lower: bool = False
    width: int | None = None


def make_of(folder: Path) -> Make | None:
    """How to run the model without the library; None for any make but the usual one."""
    if not (folder / "modules.json").is_file():
        return _bare(folder)
    parts, general = module_folders(folder), _general(folder)
    names = [name for name, _ in parts]
    if names not in _USUAL or general.get("model_type", "SentenceTransformer") != "SentenceTransformer":
        return None
    settings = _settings(parts[0][1])
    pooling = pooling_of(parts[1][1])
    own = read_json(parts[-1][1] / "config.json", dict) if names == _USUAL[1] else {}
    if pooling is None or not _texts_alone(settings) or set(own.values()) - {"sentence_embedding"}:
        return None
    return Make(
        parts[0][1],
        *pooling,
        normalise=names == _USUAL[1],
        limit=settings.get("max_seq_length"),
        lower=bool(settings.get("do_lower_case")),
        width=general.get("truncate_dim"),
    )


def prompts_of(folder: Path) -> dict[str, str]:
    """The prompts that a model brings, by name; under `""` the one that it puts before each text unasked.

    Raises
    ------
    ModelUnavailable : it names one that it does not bring.
    """
    general = _general(folder)
    found = {str(name): str(prompt or "") for name, prompt in (general.get("prompts") or {}).items()}
    default = general.get("default_prompt_name")
    if default is not None and default not in found:
        raise ModelUnavailable(
            f"the model at {folder} names {default!r} as its prompt, and brings {sorted(found) or 'none'}",
            "Mend `default_prompt_name` in its config_sentence_transformers.json.",
        )
    return found | ({"": found[default]} if default is not None else {})


def _bare(folder: Path) -> Make | None:
    """What the library makes of a model that is not its own: last token for GPT-style ones, else mean."""
    if any(folder.glob("chat_template*")) or read_json(folder / "tokenizer_config.json", dict).get("chat_template"):
        return None  # it then puts texts into the template
    config = read_json(folder / "config.json", dict)
    first = str((config.get("architectures") or [""])[0])
    gpt = first.endswith("ForCausalLM") and config.get("is_causal", True)
    return Make(folder, "last" if gpt else "mean")


def _general(folder: Path) -> dict[str, Any]:
    return read_json(folder / "config_sentence_transformers.json", dict)


def _settings(folder: Path) -> dict[str, Any]:
    found = (read_json(folder / _SETTINGS.format(name), dict) for name in _OLD_NAMES)
    return next((one for one in found if one), {})


def _texts_alone(settings: dict[str, Any]) -> bool:
    """Whether its transformer is given texts as they are, and nothing else is asked of it."""
    return (
        settings.get("transformer_task", "feature-extraction") == "feature-extraction"
        and settings.get("modality_config", _TEXT) == _TEXT
        and settings.get("module_output_name", "token_embeddings") == "token_embeddings"
        and not any(value for name, value in settings.items() if name not in _HANDLED)
    )
