"""An OpenAI-compatible endpoint around a tiny causal model made on the spot, with faults that are switched on.

`python server.py FOLDER KEY` prints its port. Below `/locked`, requests need KEY, and errors repeat it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from pathlib import Path
from typing import Any

import torch
import uvicorn
from causalkit_plugins.examples._tiny_models import tiny_model
from causalkit_plugins.llms._filling import fill
from causalkit_plugins.llms._local import load
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse

HANGS = 3.0
TOP = 5


def app(folder: Path, key: str) -> FastAPI:
    """The endpoint; `POST /faults {"429": 2}` makes the next two answers 429, and so on; `GET /seen` counts."""
    torch.set_num_threads(1)
    made = tiny_model(folder / "served", "llama", head="LlamaForCausalLM", num_hidden_layers=1)
    model = load(made, "cpu", "float32", 8192, trusted=False)
    faults: dict[str, int] = {}
    seen: dict[str, Any] = {"requests": 0, "answered": 0, "bodies": []}
    served = FastAPI()

    @served.post("/faults")
    async def switch(request: Request) -> dict[str, int]:
        faults.clear()
        faults.update(await request.json())
        seen.update(requests=0, answered=0, bodies=[])
        return faults

    @served.get("/seen")
    async def counted() -> dict[str, Any]:
        return seen

    @served.post("/v1/chat/completions")
    async def complete(request: Request) -> Any:
        return await answer(request, "")

    @served.post("/locked/v1/chat/completions")
    async def unlock(request: Request) -> Any:
        return await answer(request, key)

    async def answer(request: Request, key: str) -> Any:
        body = await request.json()
        seen["requests"] += 1
        seen["bodies"].append({name: value for name, value in body.items() if name != "messages"})
        if key and request.headers.get("authorization") != f"Bearer {key}":
            return error(401, f"Incorrect API key: {request.headers.get('authorization')}")
        fault = next((name for name, left in faults.items() if left > 0), "")
        if fault:
            faults[fault] -= 1
        if fault.isdigit():
            return error(int(fault), f"status {fault} for key {key}", {"retry-after": "0.01"})
        if fault == "hang":
            await asyncio.sleep(HANGS)
        if fault == "garbage":
            return PlainTextResponse('{"choices": [{"mess', media_type="application/json")
        if fault == "no-schema" and "response_format" in body:
            faults[fault] += 1
            return error(400, "'response_format.type' is not supported")
        if fault == "no-logprobs" and "logprobs" in body:
            faults[fault] += 1
            return error(400, "this model does not support logprobs")
        return answered(model, body, fault, key, seen)

    return served


def error(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": {"message": message, "type": "fault", "code": None}}, status, headers)


def answered(model: Any, body: dict[str, Any], fault: str, key: str, seen: dict[str, Any]) -> Any:
    """What the model fills into the schema, or what a fault makes of it."""
    prompt = body["messages"][-1]["content"]
    start = model.prompt("", prompt)
    if fault == "too-long":
        return error(400, "This model's maximum context length is 8 tokens")
    form = body.get("response_format", {}).get("json_schema", {}).get("schema")
    form = form or json.loads(prompt.rsplit("\n", 1)[-1])
    text = said(fault, key) if fault in SAID else fill(model, start, form).text
    if fault in ODD:
        return ODD[fault]
    if fault == "prose":
        text = f"Let me think. It must be this:\n```json\n{text}\n```\nI hope that helps."
    ids = model.ids(text)
    told = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    if body.get("logprobs"):
        told["logprobs"] = {"content": log_probabilities(model, start, ids)}
    seen["answered"] += 1
    usage = {"prompt_tokens": len(start), "completion_tokens": len(ids), "total_tokens": len(start) + len(ids)}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": "tiny-1", "choices": [told], "usage": usage}


SAID = {
    "cut": '{"relation": "first causes',
    "stranger": '{"relation": "the tooth fairy causes both"}',
    "more": '{"relation": "neither", "also": "a new variable"}',
    "echo": "Your key is {key}.",
}
"""What a model may say, by fault."""
_TOKENS = [{"token": '{"relation": "neither"}', "logprob": None, "bytes": None, "top_logprobs": None}]
_ODD = {"index": 0, "message": {"role": "assistant", "content": '{"relation": "neither"}'}, "finish_reason": None}
ODD: dict[str, Any] = {
    "no-choices": {"choices": []},
    "no-content": {"choices": [{"message": {"content": [{"type": "text"}]}}]},
    "a-list": [1, 2],
    "no-usage": {
        "choices": [_ODD | {"logprobs": {"content": _TOKENS}}],
        "usage": {"prompt_tokens": None},
        "model": None,
    },
}
"""Completions that are none, or lack what most have."""


def said(fault: str, key: str) -> str:
    return SAID[fault].replace("{key}", key)


def log_probabilities(model: Any, start: list[int], ids: list[int]) -> list[dict[str, Any]]:
    with torch.inference_mode():
        logits = model.module(input_ids=torch.tensor([start + ids])).logits[0, len(start) - 1 : -1]
    logs = torch.log_softmax(logits.float(), -1)
    return [one_token(model, token, row) for token, row in zip(ids, logs, strict=True)]


def one_token(model: Any, token: int, row: torch.Tensor) -> dict[str, Any]:
    top = [{"token": text_of(model, int(i)), "logprob": float(row[i]), "bytes": None} for i in row.topk(TOP).indices]
    return {"token": text_of(model, token), "logprob": float(row[token]), "bytes": None, "top_logprobs": top}


def text_of(model: Any, token: int) -> str:
    text = str(model.tokeniser.convert_ids_to_tokens(token)).replace("▁", " ")
    return chr(int(text[3:-1], 16)) if text.startswith("<0x") else text


if __name__ == "__main__":
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    made = app(Path(sys.argv[1]), sys.argv[2])
    listening.listen(128)
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(uvicorn.Config(made, log_level="error")).run(sockets=[listening])
