"""From design and graph to an estimand: what must be adjusted for, what must not, and why."""

from causalkit.identification.dseparation import AdjustmentSets, identify_graph
from causalkit.identification.identify import identify

__all__ = ["AdjustmentSets", "identify", "identify_graph"]
