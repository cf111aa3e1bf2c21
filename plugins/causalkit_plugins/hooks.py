"""What the built-in plugin offers: one declaration per component, nothing imported."""

from __future__ import annotations

from causalkit.components import Declaration
from causalkit.hookspecs import hookimpl

_HERE = "causalkit_plugins"


def _declare(folder: str, *rows: tuple[str, str, str], examples: tuple[str, ...] = ()) -> list[Declaration]:
    """Declarations from (name, Class, summary); the module is the name with underscores.

    `examples` names those that can't be checked with their defaults: a function of that name in
    `causalkit_plugins.examples.<folder>` gives what to check.
    """
    modules = {name: name.replace("-", "_") for name, _, _ in rows}
    return [
        Declaration(
            name,
            f"{_HERE}.{folder}.{modules[name]}:{cls}",
            summary,
            examples=f"{_HERE}.examples.{folder}:{modules[name]}" if name in examples else "",
        )
        for name, cls, summary in rows
    ]


@hookimpl
def causalkit_datasets() -> list[Declaration]:
    return _declare(
        "datasets",
        ("tables", "Tables", "Your own Parquet or CSV files, with a schema in the config."),
        ("simulated", "Simulated", "A shop with planted graph and effects, and confounded exposure."),
        ("complete-journey", "CompleteJourney", "A year of grocery mailers and purchases (extra: demo)."),
        examples=("tables", "simulated", "complete-journey"),
    )


@hookimpl
def causalkit_encoders() -> list[Declaration]:
    return _declare(
        "encoders",
        ("lsa", "Lsa", "TF-IDF and truncated SVD (scikit-learn); needs no model."),
        ("hashing", "Hashing", "Words, and runs of characters, hashed to buckets; learns nothing, needs no model."),
        ("concat", "Concat", "Several encoders' vectors side by side, each with its weight."),
        ("pca", "Pca", "Another encoder's vectors in fewer dimensions, whitened if asked."),
        ("transformer", "Transformer", "Any BERT- or GPT-style Hugging Face model."),
        ("sentence-transformer", "SentenceTransformerEncoder", "Any sentence-transformers model."),
        ("behaviour", "Behaviour", "Users by what they did: a weighted mean of the vectors of their items."),
        ("clip", "ClipEncoder", "Items by their texts and images together, by a CLIP model."),
        examples=("concat", "pca", "transformer", "sentence-transformer", "clip"),
    )


@hookimpl
def causalkit_discoverers() -> list[Declaration]:
    return _declare(
        "discoverers",
        ("pc", "PC", "PC-stable with batched tests, Gaussian and discrete."),
        ("score-search", "ScoreSearch", "Best-scoring graphs by a search over orders: BDeu, BIC, soft priors."),
        ("causal-learn", "CausalLearn", "PC, FCI, GES, GRaSP, BOSS, LiNGAM and exact search of causal-learn."),
        ("bootstrap", "Bootstrap", "Any discoverer over resamples of rows or whole units: how stable each edge is."),
        ("lagged", "Lagged", "Another discoverer over columns and their past, per user, item or week."),
        ("knowledge", "KnowledgeGraph", "The graph that tiers, required and forbidden edges say."),
        ("llm", "LLM", "What a language model says of names and descriptions, both ways, with abstentions."),
        ("fused", "Fused", "Data and a model together: the model's answers weigh as much as the data say."),
        examples=("bootstrap", "llm", "causal-learn", "fused", "lagged"),
    )


@hookimpl
def causalkit_estimators() -> list[Declaration]:
    return _declare(
        "estimators",
        ("difference-in-means", "DifferenceInMeans", "Exposed minus unexposed: the naive baseline."),
        ("panel", "Panel", "Item by period regressions with season, trend and lags; HC3, small-cluster t."),
        ("shared", "Shared", "Shrinks another estimator's effects towards what text predicts."),
        ("regression", "Regression", "Linear adjustment per item, by parts: any number of rows in bounded memory."),
        ("aipw", "AIPW", "Cross-fitted doubly robust effects, batched over items."),
        ("t-learner-eb", "TLearnerEB", "Two arms, closed-form empirical-Bayes shrinkage, per pair."),
        ("dowhy", "DoWhyEstimator", "DoWhy's estimators, guarded; one item at a time."),
        examples=("shared", "dowhy"),
    )


@hookimpl
def causalkit_refuters() -> list[Declaration]:
    return _declare(
        "refuters",
        ("future-exposure", "FutureExposure", "Falsification: exposure that had not happened yet."),
        ("exposure-elsewhere", "ExposureElsewhere", "Falsification: exposure that the unit could not see."),
        ("shifted-calendar", "ShiftedCalendar", "Falsification: calendars shifted in time."),
        ("permutation", "Permutation", "Software check: exposure permuted at random."),
    )


@hookimpl
def causalkit_rankers() -> list[Declaration]:
    return _declare(
        "rankers",
        ("random", "Random", "A random order: the floor."),
        ("popularity", "Popularity", "By outcome rate: what would often happen anyway."),
        ("uplift", "Uplift", "By estimated effect; leaves out what cannot be read."),
    )


@hookimpl
def causalkit_explainers() -> list[Declaration]:
    return _declare("explainers", ("receipt", "ReceiptExplainer", "A sentence and its facts per recommendation."))


@hookimpl
def causalkit_metrics() -> list[Declaration]:
    return _declare(
        "metrics",
        ("precision", "Precision", "Share of the top k with an outcome."),
        ("recall", "Recall", "Share of outcomes found in the top k."),
        ("f1", "F1", "Harmonic mean of precision and recall at k."),
        ("ndcg", "NDCG", "Normalised discounted cumulative gain at k."),
        ("auc", "AUC", "Area under the ROC curve of scores against outcomes."),
        ("held-out-effect", "HeldOutEffect", "Effect of the top items, estimated afresh on held-out rows."),
        ("calibration-slope", "CalibrationSlope", "Held-out effect regressed on the claimed one."),
        ("segment-calibration", "SegmentCalibration", "The same slope, over what is claimed per segment."),
        ("held-out-error", "HeldOutError", "Error of claimed effects on held-out rows, their noise taken off."),
        ("cp", "CausalPrecision", "Planted effect of the top k (CP@k)."),
        ("cdcg", "CDCG", "Discounted planted effect of the whole ranking."),
    )


@hookimpl
def causalkit_llms() -> list[Declaration]:
    return _declare(
        "llms",
        ("openai", "OpenAIModel", "Any OpenAI-compatible endpoint: hosted, vLLM, Ollama, llama.cpp (extra: openai)."),
        ("transformers", "TransformersModel", "A causal model on this machine; each choice by its likelihood."),
        ("recorded", "Recorded", "Replays recorded answers: no network, no key, the same bytes."),
        examples=("openai", "transformers", "recorded"),
    )


@hookimpl
def causalkit_executors() -> list[Declaration]:
    return _declare(
        "executors",
        ("serial", "Serial", "In this process, one part after another."),
        ("process", "Process", "In worker processes of this machine."),
        examples=("process",),
    )


@hookimpl
def causalkit_trackers() -> list[Declaration]:
    rows = ("jsonl", "Jsonl", "Events as JSON lines, in a file of your choice.")
    return _declare("trackers", rows, examples=("jsonl",))
