"""Effects of exposure that varies by item and period: a regression per item over its periods."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from causalkit.components import Context, Level, component
from causalkit.errors import DataError
from causalkit.estimation import item_table, pooled_of
from causalkit.types import Dataset, Effects, Embeddings, Estimand

from . import _panel_pooled as pooled
from ._panel_cells import Cells, read_cells
from ._panel_fit import PanelFit, Rule, fit_cells
from ._shared_noise import moderated_variance

Floats = npt.NDArray[np.float64]


@component
class Panel:
    """Item × period regressions: an item's outcome rate on its exposed share, over the periods of the log.

    Rows are summed to (item, period) cells in one pass, so memory grows with cells and never with
    rows. For each item, all at once,

        rate = effect × exposed share + constant + level × (adjustment · g) + noise

    with cells weighted by the rows behind them. Lags and group rates enter relative to the item's own
    mean. With a dozen periods an item cannot afford free adjustment coefficients, so its g is drawn to
    those pooled over its group (the items column with the schema role `group`; all items where there
    is none) with standard deviation `pooling`, a ridge whose strength follows the noise of counts
    (partial pooling: Gelman & Hill 2007, ch. 12). Errors are HC3 from the ridge's hat matrix (MacKinnon &
    White 1985) and intervals Student's t with periods minus its trace degrees of freedom.

    The effect is that of exposing a row's unit, averaged over exposed rows where the effects of items
    differ. The pooled effect's error is clustered by item and period (Cameron, Gelbach & Miller 2011).

    The item table carries two columns more: `df`, and `smooth_stderr`, the error drawn towards a scaled
    count variance (moderated variance: Smyth 2004, Stat. Appl. Genet. Mol. Biol. 3, eq. 1): better weights
    than HC3's own, which are noisy with few periods.
    """

    level: ClassVar[Level] = "item"
    assumes: ClassVar[frozenset[str]] = frozenset({"ignorability", "linearity", "overlap", "enough-units"})

    pooling: Annotated[float, Field(gt=0)] | None = 0.3
    "Standard deviation of an item's adjustment coefficients around its group's, relative to its level; none: free."
    min_units: Annotated[int, Field(ge=1)] = 4
    "Exposed, and unexposed, periods that an item's estimate needs."
    exposed_above: Annotated[float, Field(ge=0, lt=1)] = 0.5
    "Share of rows exposed above which a period counts as exposed."
    hc: Literal["hc0", "hc2", "hc3"] = "hc3"
    "Leverage correction of the errors (MacKinnon & White 1985); hc3 is right with few periods."

    def fit(
        self,
        dataset: Dataset,
        estimand: Estimand,
        embeddings: Embeddings | None = None,
        *,
        context: Context = Context(),
    ) -> Panel:
        """Fill `effects_`; `embeddings` are not used (see `shared`).

        Under `estimand.arms` the ladder holds the pooled effects of treatment only, column only and both.

        Raises
        ------
        DataError : no time column, unsound rows, or an adjustment column that is not there.
        """
        extra, crossed = ((estimand.arms,), (estimand.arms,)) if estimand.arms else ((), ())
        cells = self.cells(dataset, estimand, extra=extra, crossed=crossed, context=context)
        found = self.fit_cells(cells)
        words = _Words(dataset)
        effects = Effects(_item_table(cells, found, self.min_units, words))
        effects = replace(effects, pooled=_pooled(cells, found, estimand, words))
        made = _arms(estimand, cells, words) if estimand.arms else _ladder(estimand, cells, found, effects, words)
        self.effects_ = replace(effects, ladder=made, assumptions=_assumptions(cells, estimand, words))
        return self

    def cells(
        self,
        dataset: Dataset,
        estimand: Estimand,
        *,
        extra: tuple[str, ...] = (),
        crossed: tuple[str, ...] = (),
        context: Context = Context(),
    ) -> Cells:
        """The log's item × period cells, for `fit_cells`; `extra` columns are averaged along."""
        return read_cells(dataset, estimand, extra=extra, crossed=crossed, context=context)

    def fit_cells(self, cells: Cells, beside: Floats | None = None) -> PanelFit:
        """Every item's regression on given cells, in milliseconds; `beside` `[I, W, J]` joins the exposure."""
        return fit_cells(cells, Rule(self.pooling, self.min_units, self.exposed_above, self.hc), beside)

    def pooled_cells(self, cells: Cells, columns: Floats) -> tuple[Floats, Floats]:
        """Coefficients of `columns` `[I, W, J]` common to all items, adjusted, and their two-way stderrs."""
        return pooled.common_adjusted(cells, columns)


class _Words:
    """What the schema calls items, periods and columns."""

    def __init__(self, dataset: Dataset) -> None:
        schema = dataset.schema
        self.item = dataset.item
        self.period = schema.words.period if schema.words.period != "period" else schema.need("time", "panel")
        self.treatment = (
            schema.words.exposure if schema.words.exposure != "exposure" else schema[dataset.treatment].label
        )


def _item_table(cells: Cells, found: PanelFit, least: int, words: _Words) -> pd.DataFrame:
    weight = cells.weight
    unexposed = weight * (1 - cells.exposed)
    total = unexposed.sum(1)
    rate = (weight * (cells.outcome - cells.exposed_outcome)).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        baseline = np.where(total > 0, rate / total, np.nan)
        ess = weight.sum(1) ** 2 / (weight**2).sum(1)
    table = item_table(
        cells.items,
        raw=found.effect,
        raw_stderr=found.stderr,
        df=found.df,
        treated=found.treated,
        control=found.control,
        ess=ess,
        baseline=baseline,
        reason=_reasons(found, least, words),
    )
    smooth = np.full(len(cells.items), np.nan)
    has = np.isfinite(found.effect)
    smooth[has] = np.sqrt(moderated_variance(found.stderr[has] ** 2, found.df[has], found.model_variance[has]))
    more = pd.DataFrame({"df": found.df, "smooth_stderr": smooth}, index=cells.items)
    return table.join(more)


def _reasons(found: PanelFit, least: int, words: _Words) -> npt.NDArray[np.object_]:
    reasons = np.full(len(found.effect), "", object)
    period = words.period
    for i in np.flatnonzero(~np.isfinite(found.effect)):
        one, zero = int(found.treated[i]), int(found.control[i])
        if one + zero == 0:
            reasons[i] = "no rows"
        elif one == 0 or zero == 0:
            reasons[i] = f"no {'exposed' if one == 0 else 'unexposed'} {period}"
        elif one < least or zero < least:
            reasons[i] = f"{one} exposed and {zero} unexposed {period}s; {least} of each are needed"
        elif not found.enough[i]:
            reasons[i] = "the outcome never occurred" if found.level[i] <= 0 else "the outcome never varies"
        else:
            reasons[i] = f"too few {period}s for the adjustment"
    return reasons


def _pooled(cells: Cells, found: PanelFit, estimand: Estimand, words: _Words) -> Any:
    weight = cells.weight.sum(1) if estimand.target == "ate" else found.size
    effect, stderr, df, items = found.pooled(weight)
    if items == 0:
        return None
    use = np.isfinite(found.effect)
    share = weight[use] / weight[use].sum()
    baseline = float(share @ _without_exposure(cells, found, estimand)[use])
    units = int((found.treated + found.control)[use].sum())
    rows = "all" if estimand.target == "ate" else "exposed"
    how = f"mean of {words.item} effects over {rows} rows; errors clustered by {words.item} and {words.period}"
    return pooled_of(effect, stderr, df=df, baseline=baseline, items=items, units=units, how=how)


def _without_exposure(cells: Cells, found: PanelFit, estimand: Estimand) -> Floats:
    """Outcome `[I]` of the rows that the effect speaks of, had they not been exposed: as it was less the effect."""
    all_rows = cells.weight.sum(1)
    rows, outcome = all_rows, (cells.weight * cells.outcome).sum(1)
    if estimand.target != "ate":
        rows, outcome = found.size, (cells.weight * cells.exposed_outcome).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((outcome - found.effect * found.size) / rows)


def _ladder(estimand: Estimand, cells: Cells, found: PanelFit, effects: Effects, words: _Words) -> pd.DataFrame:
    adjusted = ", ".join(cells.labels) or "nothing else"
    rows = pooled.steps(cells, found, (words.item, words.period, adjusted))
    if effects.pooled is not None:
        final = effects.pooled
        rows.append((f"each {words.item} on its own, adjusted", final.effect, final.stderr, final.baseline))
    df = max(min(int(np.isfinite(found.effect).sum()), len(cells.periods)) - 1, 1)
    return pooled.ladder(rows, estimand.population, df)


def _arms(estimand: Estimand, cells: Cells, words: _Words) -> pd.DataFrame:
    column = cells.extra[..., 0]
    if column.min(initial=0.0) < 0 or column.max(initial=0.0) > 1 + 1e-9:
        raise DataError(
            f"arms need a 0/1 column, and {estimand.arms!r} is not", "Recode the column, or leave arms out."
        )
    slope, error, base = pooled.arms(cells, cells.extra[..., 1], column)
    label = estimand.arms.replace("_", " ")
    names = [f"{words.treatment} only", f"{label} only", f"both {words.treatment} and {label}"]
    rows = [(n, float(b), float(s), base) for n, b, s in zip(names, slope, error, strict=True)]
    return pooled.ladder(rows, estimand.population, max(min(cells.exposed.shape) - 1, 1))


def _assumptions(cells: Cells, estimand: Estimand, words: _Words) -> tuple[str, ...]:
    adjusted = ", ".join(cells.labels) or "nothing"
    said = [
        f"Within {words.item}, {words.period}s with and without exposure are alike but for: {adjusted}.",
        f"Exposure in one {words.period} leaves outcomes of other {words.period}s and other {words.item}s as they are.",
        f"Adjustment is linear and relative to the {words.item}'s own level.",
    ]
    if estimand.bundle:
        said.append(f"The effect is that of the exposure with what comes with it ({', '.join(estimand.bundle)}).")
    if _varies_within(cells) > 0.5:
        said.append(
            f"Exposure varies more between the rows of a {words.period} than between {words.period}s; "
            "this reads the latter only."
        )
    return (*said, *(f"Not adjusted for: {note}." for note in cells.notes))


def _varies_within(cells: Cells) -> float:
    """Share of the variance of exposure within items that lies between rows of one cell."""
    weight, share = cells.weight, cells.exposed
    total = np.maximum(weight.sum(1, keepdims=True), 1e-300)
    mean = (weight * share).sum(1, keepdims=True) / total
    whole = float((weight * mean * (1 - mean)).sum())
    return float((weight * share * (1 - share)).sum()) / whole if whole > 0 else 0.0
