"""Components that do one thing wrong each; the tests of faults install this file as a stranger's module."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
from causalkit_plugins.datasets.simulated import Simulated
from causalkit_plugins.discoverers.pc import PC
from causalkit_plugins.encoders.lsa import Lsa
from causalkit_plugins.estimators.difference_in_means import DifferenceInMeans
from causalkit_plugins.explainers.receipt import ReceiptExplainer
from causalkit_plugins.metrics.ndcg import NDCG
from causalkit_plugins.rankers.uplift import Uplift
from causalkit_plugins.refuters.permutation import Permutation

from causalkit.components import component
from causalkit.types import CausalGraph, Edge

OUT = sys.__stdout__


def spoiled(base, method, spoil, **more):
    """A component of `base` whose `method` gives what `spoil` makes of it."""

    def changed(self, *args, **named):
        return spoil(getattr(base, method)(self, *args, **named))

    told = {method: changed, "__doc__": "Odd.", "__module__": __name__, **more}
    return component(type(base.__name__, (base,), told))


def with_effects(**columns):
    """Changes columns of the item table: a value for the first item."""

    def spoil(fitted):
        item = fitted.effects_.item.copy()
        for name, value in columns.items():
            item[name] = item[name].where(np.arange(len(item)) > 0, value)
        fitted.effects_ = replace(fitted.effects_, item=item)
        return fitted

    return spoil


def drop_items(fitted):
    fitted.effects_ = replace(fitted.effects_, item=fitted.effects_.item.iloc[2:])
    return fitted


def drop_column(fitted):
    fitted.effects_ = replace(fitted.effects_, item=fitted.effects_.item.drop(columns="raw"))
    return fitted


def last_nan(vectors):
    vectors[-1, 0] = np.nan
    return vectors


def strange_node(graph):
    return replace(graph, nodes=(*graph.nodes, "nobody"))


PLAIN = {"vectors": None, "alike": None}
"""A ranker without what makes one quick."""

ODD = {
    "rows": ("dataset", spoiled(Simulated, "load", lambda made: made.interactions.frame())),
    "short": ("encoder", spoiled(Lsa, "encode", lambda made: made[:-1])),
    "objects": ("encoder", spoiled(Lsa, "encode", lambda made: made.astype(object))),
    "holes": ("encoder", spoiled(Lsa, "encode", last_nan)),
    "nodes": ("discoverer", spoiled(PC, "discover", strange_node)),
    "against": (
        "discoverer",
        spoiled(PC, "discover", lambda g: CausalGraph(g.nodes, (Edge("bought", "exposed"),))),
    ),
    "nothing": ("estimator", spoiled(DifferenceInMeans, "fit", lambda made: None)),
    "lost": ("estimator", spoiled(DifferenceInMeans, "fit", drop_items)),
    "bare": ("estimator", spoiled(DifferenceInMeans, "fit", drop_column)),
    "upside": ("estimator", spoiled(DifferenceInMeans, "fit", with_effects(lower=1.0, upper=-1.0))),
    "silent": ("estimator", spoiled(DifferenceInMeans, "fit", with_effects(effect=np.nan, reason=""))),
    "endless": ("estimator", spoiled(DifferenceInMeans, "fit", with_effects(effect=np.inf))),
    "likely": ("refuter", spoiled(Permutation, "check", lambda made: replace(made, sort="falsification"))),
    "wide": ("ranker", spoiled(Uplift, "scores", lambda made: replace(made, values=made.values[:, :-1]), **PLAIN)),
    "swapped": ("ranker", spoiled(Uplift, "scores", lambda made: replace(made, users=made.users[::-1]), **PLAIN)),
    "words": ("ranker", spoiled(Uplift, "scores", lambda made: made.values, **PLAIN)),
    "number": ("metric", spoiled(NDCG, "measure", lambda made: made.value)),
    "mute": ("metric", spoiled(NDCG, "measure", lambda made: replace(made, value=float("nan"), note=""))),
    "terse": ("explainer", spoiled(ReceiptExplainer, "explain", lambda made: replace(made, receipts=()))),
}


def noisy(fitted):
    """Prints in every way there is."""
    print("print")  # noqa: T201
    OUT.write("sys.__stdout__\n")
    OUT.flush()
    os.write(1, b"os.write\n")
    subprocess.run(["echo", "a child"], check=True)
    return fitted


def exits(fitted):
    sys.exit(0)


class OwnError(BaseException):
    """No Exception, and nothing to say."""

    def __str__(self):
        raise ValueError


def raises(fitted):
    raise OwnError


def unsettling(fitted):
    """Changes what the whole process shares."""
    sys.setrecursionlimit(150)
    sys.stdout = io.StringIO()
    return fitted


def meddling(kind):
    """An estimator that writes into what it is given before it estimates."""

    def fit(self, dataset, estimand, embeddings=None, **named):
        rows = dataset.interactions.frame()
        if kind == "columns":
            rows[dataset.outcome] = 0.0
            rows.loc[:, dataset.treatment] = 1
            dataset.interactions.data[dataset.outcome] = 0.0
            dataset.items["label"] = "mine"
            dataset.users.drop(columns=dataset.users.columns, inplace=True)
        elif kind == "arrays":
            rows[dataset.outcome].to_numpy()[:] = 0
        else:
            embeddings.item.vectors[:] = 0
        return DifferenceInMeans.fit(self, dataset.__class__(**vars_of(dataset)), estimand, embeddings, **named)

    return component(type("Meddler", (DifferenceInMeans,), {"fit": fit, "__doc__": "Odd.", "__module__": __name__}))


def vars_of(dataset):
    from dataclasses import fields

    return {f.name: getattr(dataset, f.name) for f in fields(dataset)}


Noisy = spoiled(DifferenceInMeans, "fit", noisy)
Exits = spoiled(DifferenceInMeans, "fit", exits)
Raises = spoiled(DifferenceInMeans, "fit", raises)
Unsettling = spoiled(DifferenceInMeans, "fit", unsettling)
Columns, Arrays, Vectors = meddling("columns"), meddling("arrays"), meddling("vectors")
globals().update({f"Odd_{name}": made for name, (_, made) in ODD.items()})
