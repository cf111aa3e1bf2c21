"""`openai` against servers that mean harm: bodies without end, redirects, completions that lie, and keys that leak."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import subprocess
import threading
import time
from contextlib import closing, contextmanager, suppress

import pytest
import yaml
from causalkit_plugins.llms.openai import OpenAIModel

from causalkit.components import Context
from causalkit.errors import CausalkitError, ModelUnavailable, UsageError
from causalkit.transcripts import Transcripts
from causalkit.types import Question
from tests.command import COMMAND, causalkit, environment

SCHEMA = {
    "type": "object",
    "properties": {"relation": {"type": "string", "enum": ["first causes second", "second causes first", "neither"]}},
    "required": ["relation"],
    "additionalProperties": False,
}
ANSWER = '{"relation": "neither"}'
KEY = "sk-planted-3d5e77f0"


def completion(*, message=None, logprobs=None, **more):
    said = {"role": "assistant", "content": ANSWER} if message is None else message
    choice = {"index": 0, "finish_reason": "stop", "message": said, "logprobs": logprobs}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [choice],
        "usage": usage,
    } | more


def sent(told, status="200 OK", *headers):
    """A handler that sends this."""
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    lines = ["content-type: application/json", f"content-length: {len(body)}", "connection: close", *headers]
    head = "\r\n".join([f"HTTP/1.1 {status}", *lines]).encode() + b"\r\n\r\n"
    return lambda connection, head_in: connection.sendall(head + body)


@contextmanager
def serving(handler):
    """Where `handler(connection, head)` answers requests, each connection in a thread."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def serve(connection):
            with closing(connection), suppress(OSError, ValueError):
                data = b""
                while b"\r\n\r\n" not in data:
                    data += connection.recv(65536)
                head, _, body = data.partition(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split()[0])
                while len(body) < length:
                    body += connection.recv(65536)
                handler(connection, head)

        def accept():
            with suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"


def asked(handler, n=1, **params):
    with serving(handler) as address:
        model = OpenAIModel(model="m", base_url=address, **{"retries": 0, "retry_wait": 0.01, "timeout": 0.5} | params)
        questions = [Question(f"q{i}", f"Does V{i} cause W?") for i in range(n)]
        return model.ask(questions, SCHEMA, context=Context(transcripts=Transcripts()))


def drips(connection, head):
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n")
    for _ in range(100):
        connection.sendall(b" ")
        time.sleep(0.1)


def floods(connection, head):
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000000\r\n\r\n")
    for _ in range(100):
        connection.sendall(b" " * 1_000_000)


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (drips, "no whole answer within 0.5 s"),
        (floods, "longer than 64,000,000 bytes"),
        (sent(gzip.compress(b" " * 70_000_000, 1), "200 OK", "content-encoding: gzip"), "longer than 64,000,000 bytes"),
        (sent(b"x", "200 OK", "content-encoding: br"), "packed by 'br'"),
        (sent({"error": {"message": "boo"}}), "no completion"),
        (sent(completion(choices={"0": 1})), "no completion"),
        (sent(b"<html>", "200 OK"), "no completion"),
        (sent(b"{}", "429 Wait", "retry-after: 86400"), "left alone for 86400 s"),
    ],
)
def test_what_is_no_answer_is_told_in_time(handler, said):
    began = time.monotonic()
    with pytest.raises(ModelUnavailable, match=said):
        asked(handler, timeout=0.5 if handler is drips else 30.0, retries=5 if "left alone" in said else 0)
    assert time.monotonic() - began < 20


def test_a_packed_answer_is_read():
    told = asked(sent(gzip.compress(json.dumps(completion()).encode()), "200 OK", "content-encoding: gzip"))
    assert told.by_id == {"q0": {"relation": "neither"}}


@pytest.mark.parametrize("status", ["302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
def test_a_redirect_is_not_followed(status, monkeypatch):
    monkeypatch.setenv("A_KEY", KEY)
    heads = []
    with serving(lambda connection, head: heads.append(head)) as elsewhere:
        location = f"location: {elsewhere.replace('127.0.0.1', 'localhost')}/chat/completions"
        with pytest.raises(ModelUnavailable, match="it redirects"):
            asked(sent(b"", status, location), key_env="A_KEY")
    assert not heads


TOKEN = {"token": "neither", "logprob": 0, "top_logprobs": []}
START = TOKEN | {"token": '{"relation": "'}


@pytest.mark.parametrize(
    "told",
    [
        completion(usage={"prompt_tokens": 10**30, "completion_tokens": True}),
        completion(usage=[1]),
        completion(model="m\ud800"),
        completion(model=None),
        completion(logprobs={"content": [TOKEN | {"token": None}]}),
        completion(logprobs={"content": "abc"}),
        completion(logprobs={"content": [START, TOKEN | {"logprob": float("nan")}]}),
        completion(
            logprobs={
                "content": [
                    START,
                    TOKEN
                    | {"logprob": -745, "top_logprobs": [{"token": t, "logprob": 5} for t in ("first", "second")]},
                ]
            }
        ),
    ],
)
def test_an_answer_stands_whatever_is_told_beside_it(told, recwarn):
    made = asked(sent(told))
    assert made.by_id == {"q0": {"relation": "neither"}}
    assert 0 < made.usage.prompt_tokens < 100 and 0 < made.usage.answer_tokens < 100
    assert not made.log_probabilities
    assert not recwarn.list


@pytest.mark.parametrize("key", [f"{KEY}\nsecond-line", f"{KEY} more", f"{KEY}é"])
def test_fault_47_a_key_that_no_header_carries_is_not_repeated(key, monkeypatch):
    monkeypatch.setenv("A_KEY", key)
    with pytest.raises(UsageError, match="A_KEY holds is no key") as caught:
        asked(sent(completion()), key_env="A_KEY")
    assert KEY not in str(caught.value)


def test_fault_47_no_error_hangs_on_one_that_holds_the_key(monkeypatch):
    monkeypatch.setenv("A_KEY", KEY)
    with pytest.raises(CausalkitError) as caught:
        asked(sent({"error": {"message": f"not {KEY}"}}, "401 No"), key_env="A_KEY")
    error: BaseException | None = caught.value
    while error is not None:
        assert KEY not in repr(error) + str(error)
        error = error.__context__


def test_a_proxy_that_is_none_is_told_without_its_password(monkeypatch):
    monkeypatch.setenv("A_KEY", KEY)
    monkeypatch.setenv("HTTPS_PROXY", f"socks9://user:{KEY}@127.0.0.1:9")
    with pytest.raises(ModelUnavailable, match="HTTPS_PROXY") as caught:
        OpenAIModel(model="m", base_url="https://example.invalid/v1", key_env="A_KEY").ask([Question("q", "p")], SCHEMA)
    assert KEY not in str(caught.value)


def test_a_server_that_says_to_wait_no_time_is_not_asked_in_a_rush():
    began = time.monotonic()
    with pytest.raises(ModelUnavailable, match="429"):
        asked(sent(b"{}", "429 Wait", "retry-after: 0"), retries=2, retry_wait=0.4)
    assert time.monotonic() - began > 0.2 + 0.4


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT to one process")
def test_a_stop_in_a_batch_does_not_wait_for_a_silent_server(tmp_path):
    seen, silent = [], [True]

    def answers(connection, head):
        seen.append(head)
        if silent[0] and len(seen) > 3:
            time.sleep(60)
        sent(completion())(connection, head)

    with serving(answers) as address:
        endpoint = {"use": "openai", "params": {"model": "m", "base_url": address, "concurrency": 3}}
        config = {
            "name": "stopped",
            "data": {"use": "simulated", "params": {"users": 30, "items": 3, "weeks": 6}},
            "split": {"by": "random"},
            "discover": {"use": "llm", "params": {"provider": endpoint}},
            "estimate": "difference-in-means",
        }
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
        command = [*COMMAND, "run", "config.yaml", "--until", "discover"]
        stopped = subprocess.Popen(command, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True)
        until = time.monotonic() + 120
        while len(seen) < 6 and stopped.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        began = time.monotonic()
        stopped.send_signal(signal.SIGINT)
        _, told = stopped.communicate(timeout=50)
        assert time.monotonic() - began < 20  # the server is silent for 60 s
        assert stopped.returncode == 130
        assert "Traceback" not in told and "--resume" in told
        silent[0] = False
        seen.clear()
        done = causalkit("run", "--resume", "latest", "--until", "discover", "--json", cwd=tmp_path, timeout=240)
        assert done.code == 0, done.err
        assert len(seen) == done.json["usage"]["calls"] - 3
