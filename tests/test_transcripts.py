"""The transcripts: kept once, found again, by several processes, and never what they were not when written."""

from __future__ import annotations

import pickle
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from threading import Timer

import pytest

from causalkit.budget import Budget
from causalkit.components import Context
from causalkit.errors import BudgetReached, DataError, StoreError, UsageError
from causalkit.recording import read_recording, write_recording
from causalkit.transcripts import Exchange, Transcripts
from causalkit.types import Usage

ONE = Exchange(
    "openai/m",
    "Does a\0 cause ☃?",
    {"enum": ["yes", "no"]},
    '"yes"',
    system="You are asked.",
    parameters={"temperature": 0.5},
    log_probabilities={"yes": -0.1, "no": -2.4},
    prompt_tokens=7,
    answer_tokens=2,
    cost=0.25,
    time="2026-01-01T00:00:00+00:00",
)


def store(tmp_path, **more):
    return Transcripts(tmp_path / "a" / "transcripts.sqlite", **more)


def test_what_is_kept_is_found_as_it_was(tmp_path):
    made = store(tmp_path)
    assert made.find([ONE.key]) == {}
    assert not (tmp_path / "a").exists()  # reading makes no file
    made.keep([ONE])
    assert store(tmp_path).find([ONE.key, "other"]) == {ONE.key: ONE}


@pytest.mark.parametrize(
    "change",
    [
        {"model": "openai/n"},
        {"prompt": "?"},
        {"system": ""},
        {"schema": {"enum": ["no", "yes"]}},
        {"repeat": 1},
        {"parameters": {"temperature": 1.0}},
    ],
)
def test_what_an_answer_depends_on_is_in_its_key(change):
    assert replace(ONE, **change).key != ONE.key


def test_what_it_does_not_depend_on_is_not():
    assert replace(ONE, answer="no", cost=None, seconds=9.0, time="", prompt_tokens=0).key == ONE.key


def test_of_two_answers_for_one_key_the_first_stays(tmp_path):
    store(tmp_path).keep([ONE])
    assert store(tmp_path).keep([replace(ONE, answer='"no"')])[ONE.key] == ONE


@pytest.mark.parametrize(
    "harm",
    [
        "answer = '\"no\"'",
        "prompt = 'x'",
        "cost = 0",
        "log_probabilities = '{}'",
        "schema = '{'",
        "key = 'k'",
        "digest = ''",
    ],
)
def test_fault_50_a_row_that_was_changed_is_said_and_not_used(tmp_path, harm):
    store(tmp_path).keep([ONE])
    with sqlite3.connect(tmp_path / "a" / "transcripts.sqlite") as connection:
        connection.execute(f"UPDATE exchanges SET {harm}")
    connection.close()
    said = []
    damaged = store(tmp_path, on_damage=said.append)
    assert list(damaged.all()) == []
    assert damaged.find([ONE.key]) == {}
    assert len(said) == 1 and "was changed" in said[0]
    assert damaged.keep([ONE]) == {ONE.key: ONE} == damaged.find([ONE.key])


def test_a_file_that_is_none_is_an_error_that_says_what_to_do(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "transcripts.sqlite").write_text("no database at all, but long enough to be looked at" * 100)
    with pytest.raises(StoreError, match="moved away"):
        store(tmp_path).find([ONE.key])


def test_a_file_of_another_format_is_refused(tmp_path):
    store(tmp_path).keep([ONE])
    with sqlite3.connect(tmp_path / "a" / "transcripts.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="format 99"):
        store(tmp_path).find([ONE.key])


def _keep_some(path, who):
    made = Transcripts(path, go="together", step="s")
    for i in range(20):
        made.keep([replace(ONE, prompt=f"{who if i % 2 else 'all'} {i}", answer=str(who))])
    return True


def test_several_processes_keep_at_once_and_each_is_counted_once(tmp_path):
    path = tmp_path / "transcripts.sqlite"
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        assert all(pool.map(_keep_some, [path] * 3, range(3)))
    whole = Transcripts(path, go="together", step="s")
    assert len(list(whole.all())) == 10 + 3 * 10
    assert whole.used().calls == whole.spent().calls == 40


def test_one_who_opens_a_new_file_waits_for_another_who_does(tmp_path):
    other = sqlite3.connect(tmp_path / "transcripts.sqlite", check_same_thread=False, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    other.execute("CREATE TABLE other (a)")
    Timer(0.3, lambda: other.execute("COMMIT")).start()
    made = Transcripts(tmp_path / "transcripts.sqlite")
    made.keep([ONE])
    assert list(made.all()) == [ONE]
    made.close()
    other.close()


def test_used_counts_a_step_over_all_starts_and_spent_this_start_alone(tmp_path):
    first = store(tmp_path, go="1", step="discover-k")
    first.keep([ONE])
    second = store(tmp_path, go="2", step="discover-k")
    other = replace(ONE, prompt="other", cost=0.5)
    second.keep([other])
    assert second.used() == Usage(2, 14, 4, 0.75)
    assert second.spent() == Usage(1, 7, 2, 0.5)
    assert second.under("else").used() == Usage()
    second.end_step()
    assert second.spent().calls == 1
    assert first.under("else").spent().calls == 1  # a run beside it, under a cap of its own
    assert first.used().calls == 1
    second.find([ONE.key, other.key])
    assert second.used().calls == 2


def test_cost_is_unknown_where_one_is(tmp_path):
    made = store(tmp_path, step="s")
    made.keep([ONE, replace(ONE, prompt="b", cost=None)])
    assert made.used().cost is None


def test_a_context_goes_to_a_worker_with_its_transcripts_and_budget(tmp_path):
    context = Context(transcripts=store(tmp_path, go="g", on_damage=print), budget=Budget(calls=3))
    context.transcripts.keep([ONE])
    there = pickle.loads(pickle.dumps(context))
    assert there.budget == Budget(calls=3)
    assert there.transcripts.spent().calls == 1
    assert pickle.loads(pickle.dumps(Context(budget=Budget(calls=1)))).transcripts.spent() == Usage()


@pytest.mark.parametrize(
    ("budget", "spent"),
    [(Budget(calls=2), Usage(2)), (Budget(tokens=10), Usage(1, 6, 4)), (Budget(cost=0.5), Usage(1, 1, 1, 0.5))],
)
def test_a_cap_that_is_reached_stops(budget, spent):
    with pytest.raises(BudgetReached, match="is reached"):
        budget.room(spent)


def test_a_cap_on_calls_leaves_what_is_left():
    assert Budget(calls=5).room(Usage(2)) == 3
    assert Budget(tokens=5).room(Usage(2)) is None
    with pytest.raises(UsageError):
        Budget(cost=-1)
    with pytest.raises(UsageError):
        Budget(cost=float("nan"))


def test_a_recording_is_the_same_bytes_and_the_same_exchanges(tmp_path):
    some = [replace(ONE, prompt=f"☃ {i}") for i in range(5)]
    assert write_recording(some, tmp_path / "a.jsonl") == 5
    write_recording(some[::-1], tmp_path / "b.jsonl")
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert sorted(read_recording(tmp_path / "a.jsonl"), key=lambda one: one.prompt) == some
    made = store(tmp_path)
    made.take_in(read_recording(tmp_path / "a.jsonl"))
    assert write_recording(made.all(), tmp_path / "c.jsonl") == 5
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "c.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "is no JSON"),
        ("[]", "is no exchange"),
        ('{"model": "m", "prompt": "p"}', "needs answer|needs model|it needs"),
        ('{"model": "m", "prompt": 3, "schema": {}, "answer": ""}', "for prompt"),
        ('{"model": "m", "prompt": "p", "schema": [], "answer": ""}', "for schema"),
        ('{"model": "m", "prompt": "p", "schema": {}, "answer": "", "digest": "d"}', "was changed"),
        ('{"model": "m", "prompt": "p\\ud800", "schema": {}, "answer": ""}', "is no JSON"),
        ('{"model": "m", "prompt": "p", "schema": {}, "cost": NaN}', "is no JSON"),
        ('{"model": "m", "prompt": "p", "schema": {}, "cost": 1e999}', "is no JSON"),
        ('{"model": "m", "prompt": "p", "schema": {}, "prompt_tokens": -1}', "for prompt_tokens"),
        (f'{{"model": "m", "prompt": "p", "schema": {{}}, "answer_tokens": {10**30}}}', "for answer_tokens"),
        ('{"model": "m", "prompt": "p", "schema": {}, "repeat": true}', "for repeat"),
        ('{"model": "m", "prompt": "p", "schema": {}, "log_probabilities": {"yes": "x"}}', "for log_probabilities"),
    ],
)
def test_a_line_that_is_no_exchange_is_named(tmp_path, line, said):
    (tmp_path / "a.jsonl").write_text(f"\n{line}\n")
    with pytest.raises(DataError, match=said) as caught:
        list(read_recording(tmp_path / "a.jsonl"))
    assert "a.jsonl:2" in str(caught.value)


def test_a_line_written_by_hand_needs_little(tmp_path):
    line = b'{"model": "m", "prompt": "p", "schema": {}, "answer": "x", "cost": 1}'
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + line + b"\r\n\r\n" + line)
    told = list(read_recording(tmp_path / "a.jsonl"))
    assert told == [Exchange("m", "p", {}, "x", cost=1.0)] * 2
    made = store(tmp_path)
    made.take_in(told)
    assert list(made.all()) == told[:1]  # a cost that was written as 1 is no damage


def test_a_second_answer_to_one_question_is_told(tmp_path):
    line = '{"model": "m", "prompt": "p", "schema": {}, "answer": "%s"}\n'
    (tmp_path / "a.jsonl").write_text(line % "x" + line % "y")
    with pytest.raises(DataError, match=r"a\.jsonl:2 gives a second answer"):
        list(read_recording(tmp_path / "a.jsonl"))


def test_marks_that_end_lines_elsewhere_do_not_end_them_in_a_recording(tmp_path):
    one = replace(ONE, prompt="a\u2028b\x85c\x0bd\x1ce", answer='"yes"\u2029')
    write_recording([one], tmp_path / "a.jsonl")
    assert list(read_recording(tmp_path / "a.jsonl")) == [one]


def test_what_no_file_can_hold_is_an_error_of_ours(tmp_path):
    for harm in ({"prompt_tokens": 10**30}, {"prompt": "\ud800"}):
        with pytest.raises(StoreError, match="cannot be used"):
            store(tmp_path).keep([replace(ONE, **harm)])
