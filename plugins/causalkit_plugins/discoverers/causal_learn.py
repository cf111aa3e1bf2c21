"""The searches of causal-learn behind one component."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from causalkit.components import Context, component
from causalkit.errors import BudgetReached, CausalkitError, DataError, ModelUnavailable
from causalkit.types import CausalGraph, Knowledge, Variables

if TYPE_CHECKING:
    from causalkit_plugins.discoverers._foreign_table import ForeignTable

MOST_EXACT = 16
"""Columns up to which `exact` is tried: it weighs every set of parents."""


@component
class CausalLearn:
    """PC, FCI, GES, GRaSP, BOSS, LiNGAM and exact search of causal-learn (Zheng et al. 2024, JMLR 25).

    `fci` allows for hidden causes and gives a PAG (`CausalGraph.latent`); the others assume that there are none.
    LiNGAM also orients where no test can, from noise that is not Gaussian. Columns are sorted by their values first,
    so neither the order of columns and rows nor names change the graph; random steps draw from the run's seed, and the
    process's own random numbers stay as they are. What it prints is dropped, and what it warns of becomes a note.

    Knowledge goes in where a method takes it soundly (`pc`, `exact`, `direct-lingam`), and every graph is checked
    after: an edge that is ruled out is turned where no hidden cause is allowed, for then the other direction holds, and
    left open to a hidden cause under `fci`; what can't be turned is dropped and named in a note. Required edges are
    added.

    Rows count as independent of each other. `fisherz` counts the units of the coarser column instead; the others note
    which columns repeat. Use `pc` where units repeat, where values are missing, or where words and numbers meet.

    An edge's confidence is 1 - p: for `pc` and `fci`, p being the largest p-value of the tests that it survived; for
    the others, of a test of the two columns given all others (Fisher's z), or of the two alone where columns are
    discrete (G²). It ranks edges and is no probability. A run can be stopped between two tests or scores; `ica-lingam`
    can't.
    """

    method: Literal["pc", "fci", "ges", "grasp", "boss", "exact", "direct-lingam", "ica-lingam"] = "fci"
    "Which search."
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.01
    "`pc`, `fci`: tests with a larger p-value count as independent."
    test: Literal["auto", "fisherz", "gsq", "chisq", "kci"] = "auto"
    """`pc`, `fci`: Fisher's z, G², χ², or the kernel test `kci` (any shape; minutes beyond a thousand rows). `auto`:
    `gsq` where all columns are discrete, else `fisherz`."""
    score: Literal["auto", "bic", "bdeu"] = "auto"
    "`ges`, `grasp`, `boss`: BIC of linear Gaussian columns, BDeu of discrete ones. `auto`: by the columns."
    penalty: Annotated[float, Field(gt=0)] = 1.0
    "`ges`, `grasp`, `boss`: times the penalty of BIC; causal-learn's own default for `grasp` and `boss` is 4."
    max_k: Annotated[int, Field(ge=1)] | None = None
    "`pc`, `fci`: the largest conditioning set; `ges`, `exact`: the most parents. null for no bound."
    depth: Annotated[int, Field(ge=1)] = 3
    "`grasp`: how deep a chain of reversals it tries."
    least_weight: Annotated[float, Field(ge=0)] = 0.05
    "`direct-lingam`, `ica-lingam`: smaller weights between standardised columns are no edge."
    words: Literal["refuse", "leave-out"] = "refuse"
    """What to do where the method takes numbers and a column has three words or more without an order. A column that
    is left out is a hidden cause, which `fci` alone allows for."""
    max_seconds: Annotated[float, Field(gt=0)] | None = 600.0
    "After so long a search is given up with an error; null for no bound."

    @property
    def assumes(self) -> frozenset[str] | None:
        """What the graph rests on; nothing is claimed where columns are left out."""
        if self.words == "leave-out":
            return None
        if self.method.endswith("lingam"):
            return frozenset({"independent-rows", "sufficiency", "linear-non-gaussian"})
        shared = {"independent-rows", "faithfulness"} | ({"sufficiency"} if self.method != "fci" else set())
        if self.method in ("pc", "fci"):
            form = {"gsq": {"discrete"}, "chisq": {"discrete"}, "kci": set[str]()}.get(self.test, {"linear-gaussian"})
        else:
            form = {"discrete"} if self.score == "bdeu" and self.method != "exact" else {"linear-gaussian"}
        return frozenset(shared | form)

    def discover(
        self,
        variables: Variables,
        knowledge: Knowledge | None = None,
        *,
        context: Context = Context(),
    ) -> CausalGraph:
        """The graph over all columns of `variables`.

        Raises
        ------
        DataError : what the method can't take, each column named; or causal-learn failed, with its words.
        BudgetReached : the search took longer than `max_seconds`.
        ConfigError : knowledge that contradicts itself, or requires edges of unknown columns.
        """
        from causalkit_plugins.discoverers._foreign_table import read_table

        context.check()
        variables = variables.repeated()
        both = variables.knowledge(knowledge)
        known = both.about(variables.names)
        table = read_table(variables, self._discrete, f"causal-learn's {self.method}", self.words == "leave-out")
        self._refuse_size(table)
        from causalkit_plugins.discoverers._causal_learn_graph import make_graph

        found = None
        if len(table.names) > 1:
            found = self._searched(table, known, context)
        return make_graph(self.method == "fci", variables.names, table, found, known)

    @property
    def _discrete(self) -> bool | None:
        """Whether the method takes discrete columns alone, numbers alone, or either."""
        if self.method in ("pc", "fci"):
            return {"gsq": True, "chisq": True, "fisherz": False, "kci": False}.get(self.test)
        if self.method in ("ges", "grasp", "boss"):
            return {"bdeu": True, "bic": False}.get(self.score)
        return False

    def _refuse_size(self, table: ForeignTable) -> None:
        size = len(table.names)
        if self.method == "exact" and size > MOST_EXACT:
            raise DataError(
                f"causal-learn's exact search has {size} columns, more than {MOST_EXACT}",
                "Leave columns out, or use boss, grasp or score-search.",
            )
        if table.discrete and self.method in ("ges", "grasp", "boss") and size == 2:
            raise DataError(
                "causal-learn's BDeu cannot score two columns alone: its prior divides by zero",
                "Use score-search or pc.",
            )

    def _searched(self, table: ForeignTable, known: Knowledge, context: Context):  # type: ignore[no-untyped-def]
        from causalkit_plugins.discoverers._causal_learn_methods import Search, search

        test = self.test if self.test != "auto" else ("gsq" if table.discrete else "fisherz")
        asked = Search(
            self.method,
            table,
            known,
            self.alpha,
            test,
            self.penalty,
            self.max_k,
            self.depth,
            self.least_weight,
            context.seed("causal-learn"),
            self._watch(context),
        )
        try:
            with context.busy(f"causal-learn: {self.method}"):
                return search(asked)
        except CausalkitError:
            raise
        except ImportError as error:
            raise ModelUnavailable(
                f"causal-learn can't be imported: {error}", "Install it: pip install causal-learn."
            ) from error
        except Exception as error:
            raise DataError(
                f"causal-learn's {self.method} failed on {len(table.values)} rows of {', '.join(sorted(table.names))}: "
                f"{type(error).__name__}: {str(error)[:200]}",
                "Look for columns that almost follow from others, or for rare levels; or use another method.",
            ) from error

    def _watch(self, context: Context) -> Callable[[], None]:
        began = time.monotonic()

        def check() -> None:
            context.check()
            if self.max_seconds is not None and time.monotonic() - began > self.max_seconds:
                raise BudgetReached(
                    f"causal-learn's {self.method} took longer than max_seconds = {self.max_seconds:g}",
                    "Raise max_seconds, bound max_k, leave columns out, or use another method.",
                )

        return check
