"""Tokens of long, odd and broken texts: those of the whole text, soon, and without a word printed."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest
from causalkit_plugins.encoders._model import load_text_model
from causalkit_plugins.encoders.transformer import Transformer
from causalkit_plugins.examples._tiny_models import tiny_model

from causalkit.components import Context

LIMIT = 16
MAKES = ["bert", "gpt2", "llama", "t5", "xlm-roberta", "qwen3"]
LONG = {
    "words": "fresh red apples, oat bars and rye-bread! " * 500,
    "lines": "apples\n\n  oats\t\trye \n" * 750,
    "spaces": " " * 12500 + "apples and oat bars " * 225,
    "no spaces": "applesandoatbars" * 1000,
    "Chinese": "特別的肥皂，很好。" * 1875,
    "emoji": "🥐🧈 👩‍👩‍👧 " * 1500,
    "accents": "cafe\u0301 cre\u0300me " * 1500,
    "markup": "<td class='x'>soap &amp; bread</td>" * 375,
    "right to left": "לחם טרי ריבה " * 1125,
}


@pytest.fixture(scope="module", params=MAKES)
def tokenise(request, tmp_path_factory):
    folder = tiny_model(tmp_path_factory.mktemp("tokens") / request.param, request.param)
    return load_text_model(folder, LIMIT, Context()).tokenise


@pytest.mark.parametrize("kind", list(LONG))
def test_the_start_of_a_long_text_has_the_tokens_of_the_whole(tokenise, kind):
    for text in (LONG[kind], "x" + LONG[kind], LONG[kind][7:]):
        whole = tokenise.backend.encode(text)
        found = tokenise([text])
        assert found.ids == [whole.ids]
        assert found.cut.tolist() == [bool(whole.overflowing)]


def test_whatever_stands_beside_it(tokenise):
    short = ["", "apples", "oat bars"]
    among = tokenise([*short, *LONG.values()])
    assert among.ids[: len(short)] == tokenise(short).ids
    assert not among.cut[: len(short)].any()


@pytest.mark.parametrize("make", ["bert", "qwen3", "xlm-roberta"])
def test_a_megabyte_takes_little(tmp_path, make):
    encoder = Transformer(model=str(tiny_model(tmp_path / make, make)))
    encoder.encode(["a text"])
    for text in ("fresh red apples, " * 60_000, "soap\n" * 200_000, "<b>soap</b>" * 90_000):
        took = []
        for _ in range(3):
            began = time.perf_counter()
            encoder.encode([text])
            took.append(time.perf_counter() - began)
        assert min(took) < 0.5
        assert encoder.marks_["truncated"].all()


def test_half_an_emoji_and_bytes_that_were_no_text(tmp_path):
    encoder = Transformer(model=str(tiny_model(tmp_path / "bert")))
    odd = ["soap \ud83e", "\udcff soap", "soap\0soap", "\u202esoap"]
    assert np.isfinite(encoder.encode(odd)).all()
    np.testing.assert_array_equal(encoder.encode(["soap \ud83e"]), encoder.encode(["soap ?"]))


CODE = """
import os, sys
from causalkit_plugins.encoders.transformer import Transformer
Transformer(model=sys.argv[1]).encode(["oat bars", "rye bread"] * 500)
assert "TOKENIZERS_PARALLELISM" not in os.environ
if os.fork() == 0:
    Transformer(model=sys.argv[1]).encode(["oat bars", "soap"])
    os._exit(0)
assert os.wait()[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_nothing_is_printed_and_a_fork_goes_on(tmp_path):
    model = tiny_model(tmp_path / "bert")
    known = {name: value for name, value in os.environ.items() if name != "TOKENIZERS_PARALLELISM"}
    command = [sys.executable, "-c", CODE, str(model)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=known | {"OMP_NUM_THREADS": "1"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
