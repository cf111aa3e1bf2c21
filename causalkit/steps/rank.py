"""Top lists: overall, per segment and per user."""

from __future__ import annotations

from causalkit.components import Ranker
from causalkit.config import Selection
from causalkit.ranking import make_ranking
from causalkit.steps import soundness
from causalkit.steps.lending import lent
from causalkit.steps.work import Work
from causalkit.types import Effects

__all__ = ["fit_ranker", "rank"]


def rank(work: Work) -> Work:
    """Top lists overall, per segment, and per user."""
    selection = work.config.rank
    ranker, effects = fit_ranker(work, selection, work.made.effects)
    by = work.whose("ranker", selection)
    ranking = make_ranking(ranker, selection.use, effects, work.log, work.config.top, work.context, by=by)
    return work.with_outputs(ranker=selection.use, scores=ranker.scores, ranking=ranking)


def fit_ranker(work: Work, selection: Selection, effects: Effects | None) -> tuple[Ranker, Effects | None]:
    """Build and fit a ranker on the training rows and some effects."""
    ranker: Ranker = work.build("ranker", selection)
    context, made = work.under(f"rank.{selection.use}"), work.made
    fitted = ranker.fit(lent(made.training), lent(effects), lent(made.embeddings), context=context)
    return soundness.itself(fitted, ("scores",), work.whose("ranker", selection)), effects
