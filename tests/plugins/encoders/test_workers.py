"""Texts spread over worker processes give the vectors that this process gives, to the last bit."""

import numpy as np
import pytest
from causalkit_plugins.encoders.transformer import Transformer
from causalkit_plugins.executors.process import Process
from tiny_models import TEXTS

from causalkit.components import Context
from causalkit.errors import ComponentError, ModelUnavailable
from causalkit.steps.kept import Kept
from causalkit.store.vectors import VectorStore

MANY = [f"{text} number {i}" for i in range(36) for text in TEXTS]


@pytest.fixture
def two():
    executor = Process(workers=2)
    yield executor
    executor.close()


def kept(folder, model):
    return Kept(Transformer(model=str(model)), "encoder 'transformer'", VectorStore(folder)).fit(MANY)


def test_workers_and_this_process_agree_to_the_last_bit(tmp_path, bert, two, monkeypatch):
    monkeypatch.setattr("causalkit.steps.kept.SHARD", 40)
    here = kept(tmp_path / "here", bert).encode(MANY)
    there = kept(tmp_path / "there", bert).encode(MANY, context=Context(executor=two))
    assert two._crews, "no worker was asked"
    assert here.tobytes() == there.tobytes()
    assert np.ptp(here, axis=0).min() > 0
    names = [sorted(p.name for p in (tmp_path / side).iterdir()) for side in ("here", "there")]
    assert names[0] == names[1]


def test_what_a_worker_cannot_load_is_said_as_it_is_here(tmp_path, two, monkeypatch):
    monkeypatch.setattr("causalkit.steps.kept.SHARD", 40)
    with pytest.raises((ModelUnavailable, ComponentError), match="not on this machine"):
        kept(tmp_path / "there", tmp_path / "nowhere").encode(MANY, context=Context(executor=two))
