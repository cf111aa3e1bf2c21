"""`openai` against a real endpoint: what a server may do wrong, and what is kept through it."""

from __future__ import annotations

import math
import time

import pytest

from causalkit.budget import Budget
from causalkit.components import Context
from causalkit.errors import BudgetReached, ModelUnavailable, UsageError
from causalkit.transcripts import Transcripts
from causalkit.types import Question, Usage
from tests.plugins.llms.conftest import KEY

RELATION = {
    "type": "object",
    "properties": {"relation": {"type": "string", "enum": ["first causes second", "second causes first", "neither"]}},
    "required": ["relation"],
    "additionalProperties": False,
}


def questions(n=3):
    return [Question(f"q{i}", f"Does V{i} cause V{i + 1}?", "You are asked about columns.") for i in range(n)]


@pytest.fixture
def kept(tmp_path):
    return Context(transcripts=Transcripts(tmp_path / "transcripts.sqlite", go="test"))


def test_each_question_gets_a_valid_answer_with_probabilities(server, kept):
    told = server.model(price_prompt=1, price_answer=2).ask(questions(), RELATION, context=kept)
    assert set(told.by_id) == {"q0", "q1", "q2"}
    for name, said in told.by_id.items():
        logs = told.log_probabilities[name]
        assert set(logs) == set(RELATION["properties"]["relation"]["enum"])
        assert sum(map(math.exp, logs.values())) == pytest.approx(1, abs=1e-4)
        assert said["relation"] in logs
    assert told.model == "openai/tiny (tiny-1)"
    assert told.usage.calls == 3
    assert told.usage.cost == pytest.approx((told.usage.prompt_tokens + 2 * told.usage.answer_tokens) / 1e6)


def test_what_is_kept_is_not_asked_again(server, kept):
    first = server.model().ask(questions(), RELATION, context=kept)
    server.faults()
    assert server.model().ask(questions(), RELATION, context=kept) == first
    assert server.seen["requests"] == 0


@pytest.mark.parametrize("changed", [{"temperature": 0.5}, {"max_answer_tokens": 99}, {"logprobs": False}])
def test_what_changes_answers_is_asked_again(server, kept, changed):
    server.model().ask(questions(1), RELATION, context=kept)
    server.faults()
    server.model(**changed).ask(questions(1), RELATION, context=kept)
    assert server.seen["requests"] == 1


@pytest.mark.parametrize("changed", [{"timeout": 50.0}, {"retries": 1}, {"concurrency": 1}, {"retry_wait": 0.5}])
def test_what_does_not_is_not(server, kept, changed):
    server.model().ask(questions(1), RELATION, context=kept)
    server.faults()
    server.model(**changed).ask(questions(1), RELATION, context=kept)
    assert server.seen["requests"] == 0


def test_repeats_are_exchanges_of_their_own(server, kept):
    asked = [Question(f"r{i}", "Does V0 cause V1?", repeat=i) for i in range(3)]
    told = server.model().ask(asked, RELATION, context=kept)
    assert told.usage.calls == 3
    assert sorted(body["seed"] for body in server.seen["bodies"]) == [0, 1, 2]


@pytest.mark.parametrize("status", ["_429", "_500", "_502", "_503", "_408"])
def test_fault_52_a_storm_passes(server, kept, status):
    server.faults(**{status: 3})
    told = server.model(concurrency=1).ask(questions(1), RELATION, context=kept)
    assert told.by_id["q0"] is not None
    assert server.seen["requests"] == 4
    assert told.usage.calls == 1


@pytest.mark.parametrize("status", ["_429", "_503"])
def test_fault_52_a_storm_that_stays_ends_the_asking_and_loses_nothing(server, kept, status):
    server.model(concurrency=1).ask(questions(1), RELATION, context=kept)
    server.faults(**{status: 1000})
    with pytest.raises(ModelUnavailable, match=status[1:]) as caught:
        server.model(concurrency=2, retries=2).ask(questions(4), RELATION, context=kept)
    assert "Traceback" not in str(caught.value)
    assert server.seen["requests"] <= 6  # one batch of two, three times each
    server.faults()
    assert server.model().ask(questions(4), RELATION, context=kept).reasons == {}
    assert server.seen["requests"] == 3


def test_what_the_server_asks_to_wait_is_waited(server, kept, monkeypatch):
    from causalkit_plugins.llms import _retries

    waited = []
    real = _retries.Retries._wait
    monkeypatch.setattr(_retries.Retries, "_wait", lambda *of: waited.append(real(*of)) or waited[-1])
    server.faults(_429=2)
    server.model(retry_wait=30.0, concurrency=1).ask(questions(1), RELATION, context=kept)
    assert waited == [0.01, 0.01]


def test_no_answer_in_time_is_tried_again(server, kept):
    server.faults(hang=1)
    began = time.perf_counter()
    told = server.model(timeout=1.0, concurrency=1).ask(questions(1), RELATION, context=kept)
    assert told.by_id["q0"] is not None
    assert time.perf_counter() - began > 1
    assert server.seen["requests"] == 2


def test_no_server_is_said():
    from causalkit_plugins.llms.openai import OpenAIModel

    nobody = OpenAIModel(model="m", base_url="http://127.0.0.1:9/v1", retries=1, retry_wait=0.0)
    with pytest.raises(ModelUnavailable, match="no connection"):
        nobody.ask(questions(1), RELATION)


def test_fault_51_bytes_that_are_no_completion_are_tried_again(server, kept):
    server.faults(garbage=2)
    told = server.model(concurrency=1).ask(questions(1), RELATION, context=kept)
    assert told.by_id["q0"] is not None
    assert server.seen["requests"] == 3


@pytest.mark.parametrize("fault", ["no-choices", "no-content", "a-list"])
def test_fault_51_json_that_is_no_completion_is_tried_again_and_told(server, kept, fault):
    server.faults(**{fault: 1})
    assert server.model().ask(questions(1), RELATION, context=kept).reasons == {}
    server.faults(**{fault: 100})
    with pytest.raises(ModelUnavailable, match="completion"):
        server.model(temperature=1.0, retries=1).ask(questions(1), RELATION, context=kept)


def test_what_a_server_does_not_count_is_estimated(server, kept):
    server.faults(**{"no-usage": 1})
    told = server.model().ask(questions(1), RELATION, context=kept)
    assert told.by_id == {"q0": {"relation": "neither"}}
    assert told.log_probabilities == {}
    assert told.usage.prompt_tokens > 0 < told.usage.answer_tokens


@pytest.mark.parametrize("fault", ["cut", "stranger", "more"])
def test_fault_51_malformed_json_is_mended_once(server, kept, fault):
    server.faults(**{fault: 1})
    told = server.model(concurrency=1).ask(questions(1), RELATION, context=kept)
    assert told.by_id["q0"]["relation"] in RELATION["properties"]["relation"]["enum"]
    assert told.usage.calls == 2


@pytest.mark.parametrize("fault", ["cut", "stranger", "more"])
def test_fault_51_malformed_json_that_stays_is_no_answer(server, kept, fault):
    server.faults(**{fault: 2})
    told = server.model(concurrency=1).ask(questions(2), RELATION, context=kept)
    bad = [name for name, said in told.by_id.items() if said is None]
    assert bad == list(told.reasons)
    assert len(bad) <= 1 and told.usage.calls <= 4
    server.faults(**{fault: 100})
    told = server.model(concurrency=1, temperature=1.0).ask(questions(1), RELATION, context=kept)
    assert told.by_id == {"q0": None}
    assert "cannot be used" in told.reasons["q0"]
    assert server.seen["requests"] == 2  # the answer, and one repair
    assert told.log_probabilities == {}


def test_an_answer_in_prose_is_found(server, kept):
    server.faults(prose=1)
    told = server.model().ask(questions(1), RELATION, context=kept)
    assert told.by_id["q0"] is not None
    assert told.usage.calls == 1


@pytest.mark.parametrize(("fault", "names"), [("no-schema", "response_format"), ("no-logprobs", "logprobs")])
def test_what_a_server_does_not_take_is_left_out(server, kept, fault, names):
    server.faults(**{fault: 1000})
    told = server.model(concurrency=1).ask(questions(2), RELATION, context=kept)
    assert None not in told.by_id.values()
    assert names not in server.seen["bodies"][-1]
    assert bool(told.log_probabilities) == (fault != "no-logprobs")
    assert server.seen["requests"] == (3 if fault == "no-logprobs" else 4)  # what was refused is not sent again


def test_a_prompt_that_is_too_long_has_no_answer_and_stops_nobody(server, kept):
    server.faults(**{"too-long": 1})
    told = server.model(concurrency=1).ask(questions(2), RELATION, context=kept)
    assert told.by_id["q0"] is None and told.by_id["q1"] is not None
    assert "maximum context length" in told.reasons["q0"]


@pytest.mark.parametrize(
    ("budget", "answered"), [(Budget(calls=3), 3), (Budget(tokens=1), 2), (Budget(cost=1e-9), 2), (Budget(calls=0), 0)]
)
def test_fault_53_a_budget_stops_after_one_batch_at_most_and_goes_on(server, tmp_path, budget, answered):
    path = tmp_path / "transcripts.sqlite"
    model = server.model(concurrency=2, price_prompt=1, price_answer=1)
    with pytest.raises(BudgetReached) as caught:
        model.ask(questions(7), RELATION, context=Context(transcripts=Transcripts(path, go="1"), budget=budget))
    assert caught.value.exit_code == 4
    assert server.seen["answered"] == answered
    again = Context(transcripts=Transcripts(path, go="2"), budget=Budget(calls=10, tokens=10**6, cost=1))
    told = model.ask(questions(7), RELATION, context=again)
    assert server.seen["answered"] == 7
    assert told.usage.calls == 7
    assert Transcripts(path, go="2").spent().calls == 7 - answered


def test_fault_54_a_model_without_prices_is_refused_under_a_cap_on_cost(server, tmp_path):
    context = Context(budget=Budget(cost=5.0))
    with pytest.raises(UsageError, match="has no prices"):
        server.model().ask(questions(1), RELATION, context=context)
    assert server.seen["requests"] == 0
    with pytest.raises(UsageError, match="one price alone"):
        server.model(price_prompt=1).ask(questions(1), RELATION)


def test_usage_is_as_at_first_asking(server, kept):
    first = server.model(price_prompt=1, price_answer=1).ask(questions(), RELATION, context=kept)
    dearer = server.model(price_prompt=9, price_answer=9).ask(questions(), RELATION, context=kept)
    assert dearer.usage == first.usage != Usage()


@pytest.mark.parametrize("fault", ["_400", "_429", "_500", "_502", "garbage", "no-choices"])
def test_fault_47_no_error_hangs_on_one_that_holds_the_key(locked, kept, tmp_path, monkeypatch, fault):
    monkeypatch.setenv("A_KEY", KEY)
    locked.faults(**{fault: 1000})
    with pytest.raises(ModelUnavailable) as caught:
        locked.model(key_env="A_KEY", retries=1).ask(questions(2), RELATION, context=kept)
    assert locked.seen["requests"]
    errors = [caught.value]
    while errors[-1] is not None:
        assert KEY not in repr(errors[-1]) + str(errors[-1])
        errors.append(errors[-1].__context__)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
