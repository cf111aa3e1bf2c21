"""What an encoder must do."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

from causalkit.components import INPUTS, Context
from causalkit.errors import NotFitted
from causalkit.testing.checks._contexts import shaken
from causalkit.testing.checks._encoding import (
    assert_same,
    encoded,
    explained,
    fitted,
    one_vector,
    reads,
    told,
    tried_on,
)
from causalkit.testing.kit import NotApplicable, Subject, check
from causalkit.testing.worlds import text_world
from causalkit.types import Multimodal

_LIGHT = 1 << 16
"""Bytes that encoding may add to an encoder: what it says of so few inputs takes less."""
_TOLD = 0.25
"""Share of a number's variance that a ridge on vectors of new texts must find, where the texts tell 92 % of it."""
_ODD_TEXTS = (
    *("", " ", "\n", "☃ 特別 🥐🧈", "לחם טרי", "a\0b", "e\u0301 \u202e bidi"),
    *("{{ text }} <script>", "word " * 20_000, "bread"),
)


@check("encoder")
def declares_its_input(subject: Subject) -> None:
    """`input` says what it reads: one of `causalkit.components.INPUTS`."""
    named = getattr(subject.example, "input", None)
    assert named in INPUTS, f"`input` is {named!r}; declare `input: ClassVar[str]` as one of {', '.join(INPUTS)}"


@check("encoder")
def fit_returns_itself(subject: Subject) -> None:
    """`fit` returns the encoder."""
    made = subject.fresh()
    assert made.fit(tried_on(subject), context=Context()) is made, "fit does not return self"


@check("encoder")
def gives_float32_rows(subject: Subject) -> None:
    """`encode` gives a numpy array of float32 with a row for each input."""
    inputs = tried_on(subject)
    vectors = fitted(subject).encode(inputs, context=Context())
    assert isinstance(vectors, np.ndarray), f"encode gave a {type(vectors).__name__}; give a numpy array"
    assert vectors.ndim == 2 and len(vectors) == len(inputs) and vectors.shape[1] > 0, (
        f"encode gave an array of shape {vectors.shape} for {len(inputs)} inputs; give one row for each"
    )
    assert vectors.dtype == np.float32, f"encode gave {vectors.dtype}; give float32"


@check("encoder")
def vectors_are_finite(subject: Subject) -> None:
    """No vector holds NaN or infinity."""
    vectors = np.asarray(fitted(subject).encode(tried_on(subject), context=Context()))
    wrong = int((~np.isfinite(vectors)).sum())
    assert not wrong, f"{wrong} of {vectors.size} numbers are NaN or infinite"


@check("encoder")
def vectors_differ(subject: Subject) -> None:
    """Inputs that differ do not all get the same vector."""
    vectors = encoded(fitted(subject), tried_on(subject))
    assert np.ptp(vectors, axis=0).max() > 0, "every input got the same vector"


@check("encoder")
def width_stays(subject: Subject) -> None:
    """Vectors are equally long in every call, however many inputs it has."""
    made, inputs = fitted(subject), tried_on(subject)
    widths = {count: encoded(made, inputs[:count]).shape[1] for count in (1, 2, len(inputs))}
    assert len(set(widths.values())) == 1, f"vectors have lengths {widths} for so many inputs; `fit` must settle it"


@check("encoder")
def rows_go_with_inputs(subject: Subject) -> None:
    """Row i is of input i: inputs in another order give the same vectors in that order."""
    made, inputs = fitted(subject), tried_on(subject)
    order = np.random.default_rng(3).permutation(len(inputs))
    assert_same(encoded(made, [inputs[i] for i in order]), encoded(made, inputs)[order], "inputs in another order")


@check("encoder")
def equal_inputs_get_equal_vectors(subject: Subject) -> None:
    """An input that comes twice gets one vector twice."""
    made, inputs = fitted(subject), tried_on(subject)
    twice = encoded(made, [*inputs, *inputs])
    assert_same(twice[: len(inputs)], twice[len(inputs) :], "the same inputs again in one call")


@check("encoder")
def a_vector_is_its_inputs_own(subject: Subject) -> None:
    """An input gets the same vector alone and among others: lists are encoded by parts."""
    made, inputs = fitted(subject), tried_on(subject)[:8]
    alone = np.concatenate([encoded(made, [one]) for one in inputs])
    assert_same(alone, encoded(made, inputs), "an input alone")


@check("encoder")
def no_inputs_give_no_vectors(subject: Subject) -> None:
    """An empty list gives an array of shape (0, d)."""
    made = fitted(subject)
    width = encoded(made, tried_on(subject)[:1]).shape[1]
    nothing = np.asarray(made.encode([], context=Context()))
    assert nothing.shape == (0, width), f"an empty list gave shape {nothing.shape}; give (0, {width})"


@check("encoder")
def odd_texts_stand(subject: Subject) -> None:
    """Empty and very long texts, emoji, right-to-left script, NUL and markup get finite vectors."""
    if reads(subject) not in ("texts", "multimodal"):
        raise NotApplicable(f"it reads {reads(subject)}, not texts")
    odd: list[Any] = [Multimodal(text) if reads(subject) == "multimodal" else text for text in _ODD_TEXTS]
    made = fitted(subject, [*tried_on(subject), *odd])
    for one, text in zip(odd, _ODD_TEXTS, strict=True):
        one_vector(made, one, f"{text[:12]!r} ({len(text):,} characters)")


@check("encoder")
def new_inputs_are_encoded(subject: Subject) -> None:
    """Inputs that it was not fitted on get vectors too: items of a new log."""
    inputs = tried_on(subject)
    made = fitted(subject, inputs[: len(inputs) // 2])
    new = ["quinoa crackers of a new maker", "zyx"] if reads(subject) == "texts" else inputs[len(inputs) // 2 :]
    try:
        vectors = np.asarray(made.encode(new, context=Context()))
    except Exception as error:  # which it is depends on how it looks up what it knows
        raise AssertionError(f"inputs that it was not fitted on raised {type(error).__name__}: {error}") from None
    assert len(vectors) == len(new) and np.isfinite(vectors).all(), "new inputs got no finite vector each"


@check("encoder")
def leaves_inputs_alone(subject: Subject) -> None:
    """The list that it is given stays as it was, and so does what is in it."""
    inputs = tried_on(subject)
    before, contents = list(inputs), told(inputs)
    made = subject.fresh()
    made.fit(inputs, context=Context())
    made.encode(inputs, context=Context())
    same = len(inputs) == len(before) and all(one is other for one, other in zip(inputs, before, strict=True))
    assert same, "fit or encode changed the list that it was given"
    assert told(inputs) == contents, "fit or encode changed what is in the list that it was given"


@check("encoder")
def repeats(subject: Subject) -> None:
    """The same inputs and seed give the same bytes, whatever numpy's own generator is at."""
    found = []
    for state in (1, 2):
        with shaken(state):
            made = fitted(subject, context=Context(root_seed=5))
            found.append(encoded(made, tried_on(subject), Context(root_seed=5)))
    same = np.array_equal(found[0], found[1])
    assert same, "two copies gave different vectors; draw from `context.rng(name)`, or fix the seed"


@check("encoder")
def fit_begins_anew(subject: Subject) -> None:
    """Fitted again it is as if fitted for the first time."""
    inputs = tried_on(subject)
    half = inputs[: len(inputs) // 2]
    again = fitted(subject, inputs[::-1])
    again.fit(half, context=Context())
    a, b = encoded(again, half), encoded(fitted(subject, half), half)
    assert a.shape == b.shape, f"fitted twice its vectors have length {a.shape[1]}, fitted once {b.shape[1]}"
    assert_same(a, b, "one that was fitted before")


@check("encoder")
def unfitted_is_refused(subject: Subject) -> None:
    """`encode` before `fit` raises `NotFitted`, where something is learned."""
    inputs = tried_on(subject)
    if not any(name.endswith("_") for name in vars(fitted(subject))):
        raise NotApplicable("fit learns nothing")
    try:
        subject.fresh().encode(inputs, context=Context())
    except NotFitted:
        return
    except Exception as error:  # what reading nothing brings about is not known beforehand
        raise AssertionError(f"encode before fit raised {type(error).__name__}: {error}; raise NotFitted") from None
    raise AssertionError("encode before fit gave vectors; read what is learned from attributes that end in `_`")


@check("encoder")
def pointwise_is_true(subject: Subject) -> None:
    """Where `pointwise` is declared a vector hangs on its own input alone: it is kept, and used in other runs."""
    if not getattr(subject.example, "pointwise", False):
        raise NotApplicable("it does not say that it is pointwise")
    inputs = tried_on(subject)
    half = len(inputs) // 2
    a, b = (encoded(fitted(subject, part), inputs) for part in (inputs[:half], inputs[half:]))
    assert a.shape == b.shape, f"fitted on other inputs its vectors have length {b.shape[1]} instead of {a.shape[1]}"
    assert_same(a, b, "one that was fitted on other inputs")


@check("encoder")
def what_encode_loads_stays_here(subject: Subject) -> None:
    """Pickled after `encode` it is as light as before: a model is loaded again in each worker, and not sent there."""
    made = fitted(subject)
    before = len(pickle.dumps(subject.fresh() if getattr(made, "pointwise", False) else made))
    made.encode(tried_on(subject), context=Context())
    after = len(pickle.dumps(made))
    assert after <= before + _LIGHT, (
        f"pickled it takes {before:,} bytes when made or fitted, and {after:,} after `encode`; leave out what can be "
        "loaded again in `__getstate__`"
    )


@check("encoder")
def text_that_tells_is_read(subject: Subject) -> None:
    """Where texts tell a number, a ridge on vectors of new texts finds some of it."""
    if reads(subject) != "texts":
        raise NotApplicable(f"it reads {reads(subject)}, not texts")
    world = text_world("matters")
    texts, half = list(world.texts), len(world.texts) // 2
    vectors = encoded(fitted(subject, texts[:half]), texts).astype(float)
    told = world.told.to_numpy()
    share = explained(vectors[:half], told[:half], vectors[half:], told[half:])
    assert share >= _TOLD, (
        f"a ridge on its vectors explains {share:.0%} of a number that new texts tell; at least {_TOLD:.0%}"
    )
