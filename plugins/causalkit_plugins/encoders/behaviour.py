"""Users by what they did: a weighted mean of the vectors of the items in their history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from causalkit.components import Context, component
from causalkit.errors import InvalidParameter, Problem, UsageError, nearest
from causalkit.types import EmbeddingTable, Histories
from causalkit_plugins.encoders._texts import normalised

__all__ = ["Behaviour"]

Share = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Floats = npt.NDArray[np.float64]
_BLOCK = 65_536


@component
class Behaviour:
    """A user's history as the weighted mean of its items' vectors: they lie where the items lie.

    The mean is what YouTube's candidate generation feeds its network with (Covington et al. 2016, section 3.2: watched
    videos' vectors, averaged). Here rows count by what happened in them and by their age; nothing is trained. A row's
    weight is

        rows it stands for × max(0, outcome × value + exposed × shown + Σ signals × value) × 2^(-age / half_life)

    A user in whose history no row counts, or none whose item has a vector, gets zeros, and is marked `missing`.
    """

    input: ClassVar[str] = "histories"

    outcome: Share = 1.0
    "What one unit of the outcome counts."
    exposed: Share = 0.0
    "What being shown alone counts."
    signals: dict[str, Share] | Share = 0.0
    "What one unit of a signal counts: of each by name, others nothing; or one number for all."
    half_life: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    "Periods after which a row counts half; absent: age does not matter."
    most_recent: Annotated[int, Field(ge=1)] | None = None
    "How many of a user's newest rows that count are read, at most; absent: all."
    centre: bool = False
    "Take the mean over all users off each, so that what everybody does counts less; vectors then depend on each other."
    normalise: bool = True
    "Bring each vector to length 1."

    def fit(self, inputs: Sequence[Any], *, context: Context = Context()) -> Behaviour:
        """Learn the mean of all users' histories.

        Raises
        ------
        UsageError : histories whose items have no vectors.
        InvalidParameter : a signal that the histories do not have.
        """
        histories = Histories.of(inputs)
        self._check_signals(histories)
        known = _item_vectors(histories)
        self.width_ = known.vectors.shape[1]
        self.centre_: Floats = self._mean(histories, known) if self.centre else np.zeros(self.width_)
        return self

    def encode(self, inputs: Sequence[Any], *, context: Context = Context()) -> npt.NDArray[np.float32]:
        """Vectors, float32 `[len(inputs), d]`, d that of the items' vectors; leaves `marks_`.

        Raises
        ------
        UsageError : histories whose items have no vectors, or vectors of another length than in `fit`.
        """
        centre, histories = self.centre_, Histories.of(inputs)
        made, missing = np.zeros((len(histories), self.width_), np.float32), np.ones(len(histories), bool)
        if histories.rows:
            known = _item_vectors(histories, self.width_)
            places = known.ids.get_indexer(histories.items)
            starts = range(0, len(histories), _BLOCK)
            for start in context.track(starts, "averaging histories", len(starts)):
                users = slice(start, start + _BLOCK)
                made[users], missing[users] = self._means(histories[users], places, known.vectors, centre)
        self.marks_ = {"missing": missing}
        return normalised(made) if self.normalise else made

    def _mean(self, histories: Histories, known: EmbeddingTable) -> Floats:
        """The mean over users who have a history."""
        user, place, share = self._shares(histories, known.ids.get_indexer(histories.items))
        total = np.bincount(place, share, minlength=len(known.ids)) @ known.vectors
        return np.asarray(total / max(1, len(np.unique(user))))

    def _means(
        self, histories: Histories, places: npt.NDArray[np.int64], vectors: npt.NDArray[np.float32], centre: Floats
    ) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Each user's mean less `centre`, `[users, d]`, and who has none."""
        from scipy.sparse import csr_array

        user, place, share = self._shares(histories, places)
        rows = np.bincount(user, minlength=len(histories))
        starts = np.concatenate([[0], np.cumsum(rows)])
        shares = csr_array((share.astype(np.float32), place, starts), shape=(len(histories), len(vectors)))
        return np.where(rows[:, None] > 0, shares @ vectors - centre, 0), rows == 0

    def _shares(
        self, histories: Histories, places: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Floats]:
        """User, place of the item's vector, and share in the user's mean, of each row that counts."""
        user, place, worth = histories.user, places[histories.item], self._worth(histories)
        counts = (place >= 0) & (worth > 0)
        if self.most_recent is not None:
            newer = np.cumsum(np.bincount(user, counts, len(histories)))[user] - np.cumsum(counts)
            counts &= newer < self.most_recent
        user, place, worth, age = user[counts], place[counts], worth[counts], histories.age[counts]
        if self.half_life is not None:  # since the user's newest, so that no share is lost to rounding
            newest = np.full(len(histories), np.inf)
            np.minimum.at(newest, user, age)
            worth *= np.exp2((newest[user] - age) / self.half_life)
        return user, place, worth / np.bincount(user, worth, len(histories))[user]

    def _worth(self, histories: Histories) -> Floats:
        """What happened in each row, as a number."""
        total = self.outcome * histories.outcome.astype(np.float64) + self.exposed * histories.exposed
        for name, weight in self._signal_weights(histories).items():
            if weight:
                total += weight * histories.signals[name]
        return np.maximum(total, 0) * histories.weight

    def _signal_weights(self, histories: Histories) -> dict[str, float]:
        return self.signals if isinstance(self.signals, dict) else dict.fromkeys(histories.signals, self.signals)

    def _check_signals(self, histories: Histories) -> None:
        known = list(histories.signals)
        lost = [name for name in self._signal_weights(histories) if name not in known]
        if lost:
            problems = [Problem(f"signals.{name}", f": there is no such signal{nearest(name, known)}") for name in lost]
            told = (
                f"The log's signals are {', '.join(known)}." if known else "No column of the log has the role signal."
            )
            raise InvalidParameter("behaviour", problems, told)


def _item_vectors(histories: Histories, width: int | None = None) -> EmbeddingTable:
    """The items' vectors, of the length that they had in `fit`."""
    known = histories.vectors
    if known is None:
        raise UsageError(
            "encoder 'behaviour' reads histories through the items' vectors, and items are not encoded",
            "Choose an encoder for items beside it: `encode: {item: lsa, user: behaviour}`.",
        )
    if width not in (None, known.vectors.shape[1]):
        raise UsageError(
            f"encoder 'behaviour' was fitted on item vectors of length {width} and got {known.vectors.shape[1]}",
            "Fit and encode with the same vectors.",
        )
    return known
