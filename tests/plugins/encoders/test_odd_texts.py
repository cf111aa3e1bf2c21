"""Texts as users have them, through every built-in encoder of texts: finite vectors, soon, and cuts are said."""

import time

import numpy as np
import pytest
from causalkit_plugins.encoders.hashing import Hashing
from causalkit_plugins.encoders.lsa import Lsa
from causalkit_plugins.encoders.transformer import Transformer

from causalkit.runner import open_run
from tests.command import causalkit
from tests.odd_texts import TEXTS, write_log

GIVEN = ["" if text is None else text for text in TEXTS.values()]


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_a_transformer_stands_them_and_a_megabyte_takes_no_longer_than_its_start(bert, pooling):
    encoder = Transformer(model=str(bert), pooling=pooling)
    encoder.encode(["warm"])
    started = time.process_time()
    vectors = encoder.encode(GIVEN)
    assert time.process_time() - started < 15  # measured: 1.5
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    cut = dict(zip(TEXTS, encoder.marks_["truncated"], strict=True))
    assert cut["megabyte of words"]
    assert cut["megabyte of brackets"]
    assert not cut["plain"]
    assert not cut["empty"]


@pytest.mark.parametrize("encoder", [Lsa(dims=8), Hashing()], ids=["lsa", "hashing"])
def test_encoders_without_a_model_stand_them(encoder):
    started = time.process_time()
    vectors = encoder.fit(GIVEN).encode(GIVEN)
    assert time.process_time() - started < 30  # measured: lsa 2, hashing 3
    assert np.isfinite(vectors).all()
    assert vectors.any(axis=1).sum() > len(GIVEN) - 8


def test_a_run_with_a_transformer_says_how_many_texts_were_cut(bert, tmp_path):
    write_log(tmp_path, ".parquet", rows=1_500)
    model = ["-o", "encode.item.use=transformer", "-o", f"encode.item.params.model={bert}"]
    done = causalkit("run", "config.yaml", *model, cwd=tmp_path)
    assert done.code == 0, done.err
    assert "Traceback" not in done.err
    run = open_run("latest", tmp_path / "runs")
    assert np.isfinite(run.embeddings.item.vectors).all()
    note = next(note for note in run.embeddings.item.notes if "cut at the model's limit" in note)
    assert f" of {len(TEXTS)} items were cut" in note
    page = run.report_path.read_text(encoding="utf-8")
    told = page[page.index('id="text"') : page.index('id="held-out"')]
    assert "transformer: the texts of " in told
