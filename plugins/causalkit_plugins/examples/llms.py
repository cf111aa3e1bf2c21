"""Language models to check: an endpoint on this machine, a tiny model made on the spot, recorded answers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


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
    from causalkit.testing.checks._doing import ANSWER, questions
    from causalkit.transcripts import Exchange
    from causalkit_plugins.examples._small_server import made_up
    from causalkit_plugins.llms.recorded import Recorded

    schemas = (ANSWER, {"type": "string", "enum": ["yes", "no"]})
    told = [
        Exchange("example/oracle", one.prompt, schema, json.dumps(made_up(one.prompt, schema)) if place else "Perhaps.")
        for schema in schemas
        for place, one in enumerate(questions())
    ]
    write_recording(told, folder / "recording.jsonl")
    return [Recorded(file=str(folder / "recording.jsonl"))]
