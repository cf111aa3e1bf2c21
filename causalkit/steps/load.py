"""Reads the log, and makes it one that can be estimated from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from causalkit import preparation
from causalkit.steps import soundness
from causalkit.steps.work import Work
from causalkit.types import Dataset, Facts, Outputs, Split

__all__ = ["load"]


def load(work: Work) -> Work:
    """Read the log, check it, clean, split, and derive the columns that the schema declares."""
    config = work.config
    read = work.build("dataset", config.data).load(context=work.under("data"))
    dataset = soundness.dataset(read, work.whose("dataset", config.data))
    notes = preparation.check(dataset)
    fingerprint = dataset.fingerprint()
    dataset, cleaning = preparation.clean(dataset, config.clean)
    notes += preparation.text_notes(dataset)  # of what encoders will read
    dataset, split = preparation.split(dataset, config.split, work.under("split"))
    dataset = preparation.derive(dataset, split)
    training = split.take(dataset, "training")
    return replace(
        work,
        dataset=dataset,
        split=split,
        fingerprint=fingerprint,
        facts=_facts(dataset, split, cleaning, notes),
        outputs=Outputs(training=training, split=split),
    )


def _facts(dataset: Dataset, split: Split, cleaning: Sequence[preparation.Cleaning], notes: Sequence[str]) -> Facts:
    periods = dataset.interactions.frame([dataset.period])[dataset.period].nunique() if dataset.period else 0
    return Facts(
        rows=len(dataset.interactions),
        items=len(dataset.items),
        users=len(dataset.user_ids()),
        periods=int(periods),
        split=split.rule,
        cleaning=tuple((f"{c.what}: {c.column}", c.rows) for c in cleaning),
        notes=(*dataset.notes, *notes),
    )
