"""Language models to check: an endpoint on this machine, a tiny model made on the spot, recorded answers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_PAIRS = [("rain", "wet streets"), ("wet streets", "umbrellas"), ("umbrellas", "rain"), ("ice cream", "rain")]
_RELATION: dict[str, Any] = {
    "type": "object",
    "properties": {
        "relation": {"enum": ["causes", "is caused by", "neither"]},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
    },
    "required": ["relation", "confidence"],
    "additionalProperties": False,
}
"""What the kit asks, under which schema: a recording knows what was asked, word for word."""


def openai(_: Path) -> Iterable[Any]:
    """An endpoint that answers by checksum."""
    from causalkit_plugins.examples._small_server import small_server
    from causalkit_plugins.llms.openai import OpenAIModel

    return [OpenAIModel(model="checksum", base_url=small_server(), price_prompt=1, price_answer=2)]


def transformers(folder: Path) -> Iterable[Any]:
    """A tiny Llama with random weights."""
    from causalkit_plugins.examples._tiny_models import tiny_model
    from causalkit_plugins.llms.transformers import TransformersModel

    model = str(tiny_model(folder / "llama", "llama", head="LlamaForCausalLM"))
    return [TransformersModel(model=model, max_prompt_tokens=512, max_answer_tokens=16)]


def recorded(folder: Path) -> Iterable[Any]:
    """Answers to the questions that the kit asks, one of them none that its schema allows."""
    from causalkit.recording import write_recording
    from causalkit.transcripts import Exchange
    from causalkit_plugins.examples._small_server import made_up
    from causalkit_plugins.llms.recorded import Recorded

    told = [
        Exchange("example/oracle", prompt, schema, json.dumps(made_up(prompt, schema)) if place else "Perhaps.")
        for schema in (_RELATION, {"type": "string", "enum": ["yes", "no"]})
        for place, prompt in enumerate(f"Does {a!r} cause {b!r}, or the reverse, or neither?" for a, b in _PAIRS)
    ]
    write_recording(told, folder / "recording.jsonl")
    return [Recorded(file=str(folder / "recording.jsonl"))]
