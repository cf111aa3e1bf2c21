"""What a run may spend on language models: calls, tokens and money."""

from __future__ import annotations

from dataclasses import dataclass

from causalkit.errors import BudgetReached, UsageError
from causalkit.types.answers import Usage

__all__ = ["Budget"]


@dataclass(frozen=True)
class Budget:
    """Caps on what is spent from now on; None is no cap. What is answered from the transcripts costs nothing.

    A cap on calls is never exceeded by one process. What an answer takes is only known once it is there, so tokens and
    cost may go over their caps by what one batch in flight takes.

    Parameters
    ----------
    calls : answers asked of a model; a request that failed and was sent again counts once.
    tokens : of prompts and answers together.
    cost : in the currency of the prices that the model's component was given.
    """

    calls: int | None = None
    tokens: int | None = None
    cost: float | None = None

    def __post_init__(self) -> None:
        for name in ("calls", "tokens", "cost"):
            cap = getattr(self, name)
            if cap is not None and not cap >= 0:
                raise UsageError(f"a budget of {cap!r} {name} is none", "Give a number that is 0 or more.")

    def room(self, spent: Usage) -> int | None:
        """How many calls there is room for; None: as many as are wanted.

        Raises
        ------
        BudgetReached : none.
        """
        tokens = spent.prompt_tokens + spent.answer_tokens
        for cap, used, words in (
            (self.calls, spent.calls, f"{self.calls} calls"),
            (self.tokens, tokens, f"{self.tokens} tokens"),
            (self.cost, spent.cost or 0.0, f"a cost of {self.cost}"),
        ):
            if cap is not None and used >= cap:
                raise BudgetReached(
                    f"the budget of {words} is reached: {spent.words}",
                    "What was answered is kept and not asked again; the caps hold anew for each start.",
                )
        return None if self.calls is None else self.calls - spent.calls
