"""A made-up run, of the size and shape of the quickstart's; none of its figures are measured."""

from __future__ import annotations

import numpy as np
import pandas as pd

from causalkit.reporting.view import Count, DatasetFacts, LadderRow, ReportView, TextGain
from causalkit.types import (
    ITEM_COLUMNS,
    CausalGraph,
    Edge,
    Effects,
    Estimand,
    Evidence,
    Explanation,
    Measurement,
    Pooled,
    Ranking,
    Receipt,
    StepRecord,
    Verdicts,
)

DATA, KNOWN, MODEL = (
    Evidence("data", "partial correlation", 1e-6),
    Evidence("knowledge", "tiers"),
    Evidence("llm", "asked 5 times, 4 agree"),
)

NAMES = [
    "strawberries",
    "ground beef",
    "shredded cheese",
    "ice cream",
    "yogurt",
    "soft drinks",
    "potato chips",
    "bananas",
    "chicken breast",
    "cereal",
    "frozen pizza",
    "butter",
    "salad mix",
    "grapes",
    "hot dogs",
    "pork chops",
    "orange juice",
    "toilet tissue",
    "bacon",
    "crackers",
    "peaches",
    "sandwich bread",
    "shrimp",
    "cookies",
    "apples",
]

LABELS = {
    "department": "department",
    "price_level": "usual price level",
    "season": "season of the department",
    "trend": "trend over the year",
    "holiday": "holiday week",
    "bought_lag": "purchase rate, ≥ 4 weeks before",
    "active_lag": "households active, ≥ 4 weeks before",
    "mailed": "in the mailer",
    "display": "on display in the store",
    "discount": "price cut",
    "visit": "visited the store",
    "bought": "bought that week",
    "noise": "noise (added as a check)",
}
TIERS = {
    "department": 0,
    "price_level": 0,
    "season": 0,
    "trend": 0,
    "holiday": 0,
    "noise": 0,
    "bought_lag": 1,
    "active_lag": 1,
    "mailed": 2,
    "display": 2,
    "discount": 2,
    "visit": 3,
    "bought": 4,
}
TIER_NAMES = {0: "attributes and calendar", 1: "earlier behaviour", 2: "promotion decisions", 3: "visit", 4: "outcome"}


def graph() -> CausalGraph:
    edges = [
        Edge("department", "price_level", "->", 0.9, (DATA,)),
        Edge("department", "bought_lag", "->", 0.97, (DATA, KNOWN)),
        Edge("price_level", "bought_lag", "->", 0.62, (DATA,)),
        Edge("season", "bought_lag", "->", 0.8, (DATA,)),
        Edge("holiday", "season", "--", 0.55, (DATA,)),
        Edge("season", "mailed", "->", 0.86, (DATA, MODEL)),
        Edge("bought_lag", "mailed", "->", 0.74, (DATA,)),
        Edge("holiday", "mailed", "->", 0.45, (MODEL,)),
        Edge("mailed", "discount", "->", 1.0, (KNOWN,)),
        Edge("mailed", "display", "<->", 0.7, (DATA,)),
        Edge("mailed", "visit", "->", 0.35, (DATA,)),
        Edge("mailed", "bought", "->", 0.95, (DATA, KNOWN)),
        Edge("discount", "bought", "->", 0.9, (DATA, KNOWN)),
        Edge("display", "bought", "->", 0.66, (DATA,)),
        Edge("active_lag", "visit", "->", 0.92, (DATA,)),
        Edge("visit", "bought", "->", 1.0, (KNOWN,)),
        Edge("bought_lag", "bought", "->", 0.99, (DATA,)),
        Edge("season", "bought", "->", 0.88, (DATA,)),
        Edge("trend", "active_lag", "o->", 0.4, (DATA,)),
    ]
    return CausalGraph(tuple(LABELS), tuple(edges), notes=("Effective n: 26 weeks for calendar variables.",))


def effects(n: int = 240, seed: int = 3) -> Effects:
    rng = np.random.default_rng(seed)
    names = NAMES + [f"product type {i:04d}" for i in range(n - len(NAMES))]
    truth = np.sort(rng.normal(0.0034, 0.006, n))[::-1]
    truth[: len(NAMES)] = np.linspace(0.028, 0.004, len(NAMES))
    stderr = rng.uniform(0.0008, 0.004, n)
    raw = truth + rng.normal(0, stderr)
    treated = rng.negative_binomial(2, 0.15, n).astype(float)
    status = np.where(treated < 4, np.where(rng.random(n) < 0.6, "predicted", "too-few-clusters"), "estimated").astype(
        object
    )
    status[40:43] = ["refuted", "no-overlap", "sensitive"]
    seen, out = status != "predicted", np.isin(status, ["too-few-clusters", "refuted", "no-overlap"])
    effect = np.where(seen, 0.8 * raw + 0.2 * 0.0036, 0.0036 + rng.normal(0, 0.003, n))
    stderr = np.where(seen, 0.9 * stderr, 0.006)
    few = status == "too-few-clusters"
    p = np.exp(-np.abs(raw / stderr) * 1.1)
    table = pd.DataFrame(
        {
            "effect": np.where(few, np.nan, effect),
            "stderr": stderr,
            "lower": np.where(few, np.nan, effect - 1.96 * stderr),
            "upper": np.where(few, np.nan, effect + 1.96 * stderr),
            "raw": np.where(seen & ~few, raw, np.nan),
            "raw_stderr": np.where(seen & ~few, stderr, np.nan),
            "p": p,
            "q": np.where(seen & ~few, np.minimum(3 * p, 1), np.nan),
            "treated": np.where(seen, treated, 0.0),
            "control": 26 - np.minimum(treated, 26),
            "ess": treated,
            "baseline": np.full(n, 0.0081),
            "e_value": np.where(few, np.nan, 1.5 + 60 * np.abs(effect)),
            "status": status,
            "reason": np.where(out, "2 mailed weeks, 4 are needed", ""),
        },
        index=pd.Index(names, name="item"),
    )
    pooled = Pooled(
        0.0036,
        0.0003,
        0.0030,
        0.0042,
        0.0081,
        int((status == "estimated").sum()),
        5920,
        "mean over types, clusters by type and week",
    )
    return Effects(
        item=table[list(ITEM_COLUMNS)],
        pooled=pooled,
        assumptions=("Weeks of one type are alike but for what was adjusted for.",),
    )


def ranking(found: Effects) -> Ranking:
    table = found.item[found.item["status"].isin(["estimated", "predicted"])].sort_values("effect", ascending=False)
    parts = []
    for scope, who, shift in [
        ("overall", "", 0),
        *(
            ("segment", f"{a} activity × {b}", i)
            for i, (a, b) in enumerate(
                [(a, b) for a in ("low", "middle", "high") for b in ("income known", "income missing")], 1
            )
        ),
        *(("user", f"household {u}", u % 5) for u in (1, 402, 1311, 2009)),
    ]:
        rows = table.iloc[shift : shift + 10]
        part = rows[["effect", "stderr", "lower", "upper", "status"]].assign(
            scope=scope,
            who=who,
            rank=range(1, len(rows) + 1),
            item=rows.index,
            score=rows["effect"],
            level="item" if scope == "overall" else "segment",
        )
        parts.append(part)
    return Ranking(
        pd.concat(parts, ignore_index=True), "uplift", {"too-few-clusters": 18, "refuted": 1, "no-overlap": 1}
    )


def explanation(made: Ranking) -> Explanation:
    return Explanation(
        tuple(
            Receipt(
                row["scope"],
                row["who"],
                row["item"],
                f"When {row['item']} was in the mailer, usually with a price cut, about {100 * row['effect']:.1f} more "
                "of 100 households "
                f"bought it that week than in similar unmailed weeks "
                f"(95 % {100 * row['lower']:.1f}–{100 * row['upper']:.1f}; 12 mailed "
                "weeks). Placebo mailers read +0.1. This is the effect of mailing everyone; "
                "the data cannot say what mailing only you would do.",
                row["effect"],
                row["lower"],
                row["upper"],
                row["level"],
                row["status"],
                "mailer with its price cut",
                12,
                14,
                ("season", "bought_lag"),
                "future-exposure read +0.1 (−0.3 to +0.5)",
                (row["effect"] * 0.9, row["effect"] * 1.1),
            )
            for row in made.table.to_dict("records")
        )
    )


def verdicts() -> tuple[Verdicts, ...]:
    none = pd.DataFrame(columns=["estimate", "stderr", "p"])
    rows = [
        (
            "future-exposure",
            "falsification",
            "Next month's mailers stand in for this week's.",
            0.0002,
            -0.0003,
            0.0007,
            12,
            200,
            0,
        ),
        ("exposure-elsewhere", "falsification", "Mailers of stores not visited.", 0.0007, 0.0002, 0.0012, 24, 190, 3),
        (
            "shifted-calendar",
            "falsification",
            "Calendars moved by 8 to 20 weeks.",
            0.0000,
            -0.0004,
            0.0004,
            10.4,
            200,
            0.2,
        ),
        ("permutation", "software-check", "Mailed weeks permuted within type.", 0.00001, -0.0002, 0.0002, 9, 200, 0),
    ]
    read = "Reads about what chance gives."
    return tuple(Verdicts(n, s, t, none, e, lo, up, r, of, d, read) for n, s, t, e, lo, up, r, of, d in rows)  # type: ignore[arg-type]


def measurements() -> tuple[Measurement, ...]:
    found = [
        Measurement(
            "calibration-slope", 0.71, 0.42, 0.97, 200, "uplift", "inverse-variance; interval by bootstrap over weeks"
        )
    ]
    for name, values in {
        "held-out-effect@10": (0.014, 0.006, 0.004),
        "precision@10": (0.11, 0.19, 0.05),
        "ndcg@10": (0.21, 0.33, 0.08),
        "auc": (0.58, 0.81, 0.50),
    }.items():
        for of, value in zip(("uplift", "popularity", "random"), values, strict=True):
            found.append(Measurement(name, value, value * 0.8, value * 1.2, 2469, of))
    return tuple(found)


def claimed(found: Effects) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    rows = found.item[found.item["status"] == "estimated"]
    errors = rng.uniform(0.001, 0.006, len(rows))
    held_out = 0.001 + 0.71 * rows["effect"].to_numpy(float) + rng.normal(0, errors)
    return pd.DataFrame(
        {"item": rows.index, "claimed": rows["effect"].to_numpy(float), "held_out": held_out, "stderr": errors}
    )


def ladder() -> tuple[LadderRow, ...]:
    weeks, visits = "all household-weeks", "weeks with a visit"
    return (
        LadderRow("naive", weeks, 0.0256, 0.0248, 0.0264, 0.0063, 0.0256),
        LadderRow("+ type", weeks, 0.0049, 0.0043, 0.0055, 0.0081, 0.0256),
        LadderRow("+ week", weeks, 0.0041, 0.0035, 0.0047, 0.0081, 0.0256),
        LadderRow("+ season of the department, lagged rates", weeks, 0.0036, 0.0030, 0.0042, 0.0081, 0.0256, main=True),
        LadderRow("naive", visits, 0.0184, 0.0177, 0.0191, 0.0135, 0.0184),
        LadderRow("+ type and week", visits, 0.0068, 0.0061, 0.0075, 0.0135, 0.0184),
        LadderRow("+ season of the department, lagged rates", visits, 0.0046, 0.0039, 0.0053, 0.0135, 0.0184),
    )


def view(n: int = 240) -> ReportView:
    found = effects(n)
    made = ranking(found)
    estimand = Estimand(
        "mailed",
        "bought",
        "att",
        ("item", "week"),
        ("season", "bought_lag", "active_lag"),
        bundle=("discount",),
        mediators=("visit",),
        reason="every pre-treatment variable that varies within the item is adjusted for",
        population="mailed weeks, all household-weeks",
        graph_added=("active_lag",),
        alternatives=(("season", "bought_lag", "holiday"),),
    )
    return ReportView(
        name="quickstart",
        question="Which product types does the mailer cause households to buy?",
        per="household-weeks",
        items_called="product types",
        dataset=DatasetFacts(
            "Complete Journey",
            1_473_000,
            n,
            2469,
            52,
            ("item", "week"),
            (Count("baskets without a household", 112),),
            "blocks of four weeks in rotation: discover, estimate, test; the last twelve weeks apart",
            ("Demographics cover 801 of 2,469 households; missing is a level of its own.",),
        ),
        labels=LABELS,
        tiers=TIERS,
        tier_names=TIER_NAMES,
        graph=graph(),
        estimand=estimand,
        secondary=(
            Estimand(
                "mailed", "bought", "att", ("item", "week"), population="weeks with a visit", name="per visit-week"
            ),
        ),
        ladder=ladder(),
        effects=found,
        text=TextGain("all-MiniLM-L6-v2", n, 384, 0.0051, 0.0056),
        verdicts=verdicts(),
        measurements=measurements(),
        claimed=claimed(found),
        transport=(Measurement("calibration-slope", 0.55, 0.1, 0.95, 180, "uplift"),),
        transport_note="The last twelve weeks: 20 types lost overlap and are not compared.",
        ranking=made,
        explanation=explanation(made),
        assumptions=(
            "The treatment is the mailer with its price cut: 92 % of mailed lines are discounted.",
            "Exposure never varies between households of one store in a week: effects are of mailing everyone.",
        ),
        commands=("pip install 'causalkit[demo]'", "causalkit run quickstart --seed 7"),
        config="data: {use: complete-journey}\nestimate:\n  item: {use: shared, params: {of: {use: panel}}}\nseed: 7\n",
        config_hash="9f2c41",
        data_fingerprint="51ab07",
        versions={"causalkit": "0.1.0", "numpy": "2.4.0"},
        seed=7,
        steps=(
            StepRecord("encode", "done", 12.1, "sentence-transformer"),
            StepRecord("discover", "done", 3.2, "pc"),
            StepRecord("refute", "skipped", message="asked for none"),
        ),
    )
