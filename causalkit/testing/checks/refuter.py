"""What a refuter must do."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from causalkit.components import Context
from causalkit.errors import Interrupted
from causalkit.testing.checks._comparing import altered
from causalkit.testing.checks._contexts import Elsewhere, Stop, global_state, same_global_state, shaken
from causalkit.testing.checks._faulty import FAULTS
from causalkit.testing.checks._logs import Case, log
from causalkit.testing.checks._reference import LeastSquares
from causalkit.testing.kit import NotApplicable, Subject, check
from causalkit.types import Verdicts

_SORTS = ("software-check", "falsification")
_CLAIMS = re.compile(r"\b(prov(e|es|ed|en|ing)|proofs?|causal|confirm(s|ed)?)\b", re.IGNORECASE)
_SEEDS = (1, 2, 3, 4)
_NUMBERS = ("estimate", "lower", "upper", "rejected", "tested", "discoveries")


def _fitted(case: Case, least: int = 4) -> LeastSquares:
    return LeastSquares(least=least).fit(case.dataset, case.estimand)


def _read(subject: Subject, case: Case, estimator: Any = None, context: Context | None = None) -> Verdicts:
    """What a fresh copy reads."""
    estimator = _fitted(case) if estimator is None else estimator
    found = subject.fresh().check(case.dataset, case.estimand, estimator, context=context or Context())
    assert isinstance(found, Verdicts), f"check must give Verdicts, got {type(found).__name__}"
    return found


def _tried(found: Verdicts) -> bool:
    return bool(found.tested) or bool(np.isfinite(found.estimate))


def _tried_or_not(subject: Subject) -> Verdicts:
    """What it reads of the kit's log; the check has nothing to look at where it could not be tried."""
    found = _read(subject, log())
    if not _tried(found):
        raise NotApplicable(f"it could not be tried on the kit's log: {found.read}")
    return found


def _alarmed(found: Verdicts) -> bool:
    """Whether the pooled reading, or many items, leave out "nothing there"."""
    pooled = bool(np.isfinite(found.lower) and (found.lower > 0 or found.upper < 0))
    return pooled or bool(found.tested and found.rejected / found.tested > 0.3)


def _difference(a: Verdicts, b: Verdicts, tolerance: float = 0.0) -> str:
    for name in _NUMBERS:
        one, other = getattr(a, name), getattr(b, name)
        if not np.isclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True):
            return f"{name} is {one:.6g}, and then {other:.6g}"
    one, other = a.item, b.item.reindex(a.item.index)
    if len(a.item) != len(b.item):
        return f"the item table has {len(a.item)} rows, and then {len(b.item)}"
    for name in ("estimate", "stderr", "p"):
        same = np.isclose(one[name], other[name], rtol=tolerance, atol=tolerance, equal_nan=True)
        if not same.all():
            return f"{name} of {one.index[~same][0]!r} differs"
    return ""


@check("refuter")
def declares_its_sort(subject: Subject) -> None:
    """`sort` is "software-check" or "falsification", and verdicts carry it."""
    sort = getattr(subject.fresh(), "sort", None)
    assert sort in _SORTS, (
        f"sort is {sort!r}; it must be {_SORTS[0]!r} (finds bugs) or {_SORTS[1]!r} (sees confounding)"
    )
    told = _read(subject, log()).sort
    assert told == sort, f"it declares {sort!r}, and its verdict says {told!r}"


@check("refuter")
def says_what_it_tried_and_read(subject: Subject) -> None:
    """`refuter`, `tried` and `read` are text: its name, what was done, what it says."""
    found = _read(subject, log())
    for name in ("refuter", "tried", "read"):
        told = getattr(found, name)
        assert isinstance(told, str), f"{name} must be text, got {told!r}"
        assert told.strip(), f"{name} is empty"


@check("refuter")
def reads_items_of_the_log(subject: Subject) -> None:
    """The item table is of the dataset's items, each once, with `estimate`, `stderr` and `p`; or it is empty."""
    case = log()
    table = _read(subject, case).item
    missing = [name for name in ("estimate", "stderr", "p") if name not in table.columns]
    assert not missing, f"item has no column {', '.join(missing)}"
    assert table.index.is_unique, "item has an item twice"
    strange = table.index.difference(case.dataset.items.index) if len(table) else table.index
    assert strange.empty, f"item has {strange[0]!r}, which is no item of the dataset"


@check("refuter")
def p_values_are_probabilities(subject: Subject) -> None:
    """`p` is in [0, 1], or NaN where an item could not be tried; an estimate has a positive error."""
    table = _read(subject, log()).item
    p = table["p"].to_numpy(float)
    known = np.isfinite(p)
    assert not np.isinf(p).any() and ((p[known] >= 0) & (p[known] <= 1)).all(), "p is not in [0, 1]"
    errors = table.loc[known, "stderr"].to_numpy(float)
    assert (errors > 0).all(), "an item with a p has no positive stderr"


@check("refuter")
def counts_agree(subject: Subject) -> None:
    """`discoveries` ≤ `rejected` ≤ `tested` ≤ items; where there is an item table, they are counted in it."""
    case = log()
    found = _read(subject, case)
    counts = (found.discoveries, found.rejected, found.tested)
    assert np.isfinite(counts).all(), f"discoveries, rejected, tested are {counts}; 0 where nothing was tested"
    low, middle, high = counts
    assert 0 <= low <= middle <= high <= len(case.dataset.items), (
        f"of {len(case.dataset.items)} items it tested {high:g}, rejected {middle:g}, and has {low:g} discoveries"
    )
    p = found.item["p"].dropna()
    if len(p):
        assert found.tested == len(p), f"tested is {found.tested:g}, and {len(p)} items have a p"
        low = int((p < 0.05).sum())
        assert found.rejected == low, f"rejected is {found.rejected:g}, and {low} items read p < .05"


@check("refuter")
def the_interval_brackets(subject: Subject) -> None:
    """The pooled reading lies between its limits."""
    found = _tried_or_not(subject)
    if not np.isfinite(found.estimate):
        raise NotApplicable("it has no pooled reading")
    assert found.lower <= found.estimate <= found.upper, (
        f"{found.estimate:.4g} is not within {found.lower:.4g} to {found.upper:.4g}"
    )
    assert found.lower < found.upper, "the interval has no width"


@check("refuter")
def leaves_its_input_alone(subject: Subject) -> None:
    """`check` writes neither to the dataset's tables nor to the estimand."""
    case, before = log(), log()
    _read(subject, case)
    found = altered(before, case)
    assert not found, f"{found}; work on a copy (`rows.assign(…)`)"


@check("refuter")
def refits_clones(subject: Subject) -> None:
    """The fitted estimator that it is given keeps its effects: what is refitted is a clone."""
    case = log()
    estimator = _fitted(case)
    kept, before = estimator.effects_, estimator.effects_.item.copy()
    params = repr(estimator)
    _read(subject, case, estimator)
    same = estimator.effects_ is kept
    assert same, "the estimator that it was given was fitted again; refit causalkit.components.clone(estimator)"
    assert before.equals(kept.item), "it writes to the effects of the estimator that it was given"
    assert repr(estimator) == params, "it changes parameters of the estimator that it was given"


@check("refuter")
def it_repeats(subject: Subject) -> None:
    """The same rows and seed give the same verdict to the last bit."""
    found = _difference(_read(subject, log()), _read(subject, log()))
    assert not found, f"asked twice, {found}; draw from context.rng('name')"


@check("refuter")
def draws_from_its_context_alone(subject: Subject) -> None:
    """The process's own generators (`random`, `np.random`) are neither read nor moved."""
    first = _read(subject, log())
    with shaken(1):
        before = global_state()
        again = _read(subject, log())
        assert same_global_state(before), "it moves the state of random or np.random; use context.rng('name')"
    found = _difference(first, again)
    assert not found, f"under another np.random.seed, {found}; draw from context.rng('name')"


@check("refuter")
def rows_in_any_order(subject: Subject) -> None:
    """Rows in another order, under another index, give the same verdict."""
    case = log()
    mixed = case.with_rows(case.rows.sample(frac=1, random_state=3))
    found = _difference(_read(subject, case), _read(subject, mixed), 1e-6)
    assert not found, f"with the rows in another order, {found}; draw by sorted ids, not by row"


@check("refuter")
def workers_agree(subject: Subject) -> None:
    """On an executor, where functions, parts and results are pickled, the verdict is the same."""
    there = _read(subject, log(), context=Context(part_rows=200, executor=Elsewhere()))
    found = _difference(_read(subject, log()), there, 1e-9)
    assert not found, f"on an executor, {found}; what is sent to context.map must be all that it needs"


@check("refuter")
def stops_when_asked(subject: Subject) -> None:
    """Asked to stop, it raises `Interrupted`, or was done: it never gives half a verdict."""
    asked = Stop()
    whole = _read(subject, log(), context=Context(cancelled=asked))
    for after in sorted({0, asked.asked // 2, max(asked.asked - 1, 0)}):
        try:
            found = _read(subject, log(), context=Context(cancelled=Stop(after)))
        except Interrupted:
            continue
        difference = _difference(whole, found)
        assert not difference, f"asked to stop, it gave half a verdict: {difference}; let Interrupted through"


@check("refuter")
def says_so_where_it_cannot_be_tried(subject: Subject) -> None:
    """A log without what it needs, or effects without anything to refute, gets a verdict that says so; no error."""
    bare = (
        log()
        .without_units()
        .without("time", "placebo-exposure", "negative-outcome", "instrument", "propensity", "signal")
    )
    few = log()
    for what, case, estimator in (
        ("a log of item, user, exposure and outcome alone", bare, _fitted(bare)),
        ("effects of which none could be estimated", few, _fitted(few, least=10_000)),
    ):
        try:
            found = _read(subject, case, estimator)
        except AssertionError:
            raise
        except Exception as error:
            raise AssertionError(
                f"of {what} it raised {type(error).__name__}: {error}; give a verdict with tested = 0, estimate NaN, "
                "and say why in `read`, for an error stops the run"
            ) from error
        assert found.read.strip(), f"of {what} it says nothing in `read`"
        assert _tried(found) or np.isnan([found.lower, found.upper]).all(), f"of {what} it has limits and no estimate"


@check("refuter")
def it_claims_no_proof(subject: Subject) -> None:
    """`read` never says that an effect is proven, confirmed or causal: passing proves nothing."""
    for demand in (0.0, 1.0):
        told = _read(subject, log(demand=demand)).read
        claim = _CLAIMS.search(told)
        assert claim is None, f"read says {claim[0]!r}: {told}" if claim else ""


@check("refuter")
def few_false_alarms(subject: Subject) -> None:
    """Where exposure is a coin and the estimator is sound, it seldom reads something."""
    _tried_or_not(subject)
    found = [_read(subject, log(seed, follow=0.0)) for seed in (*_SEEDS, 5, 6)]
    alarms = sum(bool(np.isfinite(f.lower) and (f.lower > 0 or f.upper < 0)) for f in found)
    assert alarms <= 2, f"of {len(found)} sound logs, its pooled interval leaves out 0 in {alarms}"
    tested, rejected = sum(f.tested for f in found), sum(f.rejected for f in found)
    if tested:
        most = 0.05 + 4 * (0.05 * 0.95 / tested) ** 0.5
        share = rejected / tested
        assert share <= most, f"of {tested:g} sound effects it rejects {share:.0%}, where chance alone gives 5 %"


@check("refuter")
def finds_a_planted_fault(subject: Subject) -> None:
    """It reads something in one at least: hidden demand, errors too small, an effect that moves with every column."""
    _tried_or_not(subject)
    for fault in FAULTS.values():
        alarms = 0
        for seed in _SEEDS:
            case, _, estimator = fault(seed)
            alarms += _alarmed(_read(subject, case, estimator))
        if alarms >= len(_SEEDS) / 2:
            return
    raise AssertionError(f"it reads nothing where {'; nor where '.join(FAULTS)}")
