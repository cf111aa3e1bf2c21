"""Planted effect of the top k."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from causalkit.components import Context, component
from causalkit.types import Dataset, Measurement, Outputs, Truth

from ._lists import Floats, top
from ._planted import measured_against_truth


@component
class CausalPrecision:
    """CP@k: the mean planted effect of a user's k best items (Sato et al. 2020, arXiv 2008.04563).

    Outcomes caused per slot, exact since the effects are planted, in outcome units per row unit. A slot
    left empty (fewer than k items not scored NaN) causes nothing. Ties go to the earlier item. The
    interval is Student's over users.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"scores", "truth"})

    k: Annotated[int, Field(ge=1)] = 10
    "Length of the lists."

    def measure(
        self,
        outputs: Outputs,
        test: Dataset,
        truth: Truth | None = None,
        *,
        context: Context = Context(),
    ) -> Measurement:
        """The mean over all users of the log; NaN with a note where pair effects are not planted."""
        return measured_against_truth(f"cp@{self.k}", outputs, test, truth, self._score, context)

    def _score(self, scores: Floats, planted: Floats) -> Floats:
        return np.asarray(top(scores, planted, self.k).sum(1) / self.k)
