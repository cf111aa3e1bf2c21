"""Data faults 28-40, each through the installed command: what is said, the exit code, what survives."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from causalkit.errors import DataError
from causalkit.preparation import check
from causalkit.runner import open_run
from causalkit.types import Column, Dataset, Schema, Table
from tests.command import Ended, causalkit

COLUMNS = {
    "user": {"role": "user"},
    "item": {"role": "item"},
    "week": {"role": "time"},
    "activity": {"role": "covariate", "kind": "continuous", "tier": 1},
    "shown": {"role": "treatment"},
    "bought": {"role": "outcome"},
}


def log(rows=600, seed=0):
    """A sound log: exposure follows activity, and raises the outcome by 0.2."""
    rng = np.random.default_rng(seed)
    activity = rng.normal(size=rows)
    shown = (rng.random(rows) < 1 / (1 + np.exp(-activity))).astype(int)
    chance = 0.3 + 0.2 * shown + 0.1 * np.tanh(activity)
    return pd.DataFrame(
        {
            "user": rng.integers(0, 60, rows),
            "item": [f"i{k}" for k in rng.integers(0, 3, rows)],
            "week": np.arange(rows) % 12,
            "activity": activity,
            "shown": shown,
            "bought": (rng.random(rows) < chance).astype(int),
        }
    )


@dataclass(frozen=True)
class Outcome(Ended):
    """How `causalkit run` ended, and what it left in its folder."""

    folder: Path

    @property
    def run(self):
        return open_run("latest", self.folder / "runs")

    @property
    def facts(self):
        return self.run.folder.load("load/facts")

    @property
    def manifest(self):
        return json.loads((self.run.path / "manifest.json").read_text())


def command(tmp_path, frame, *, until="load", columns=None, suffix=".csv", items=None, **config):
    """`causalkit run` on `frame` written to a file, in a process of its own."""
    params = {"interactions": f"log{suffix}", "schema": {"columns": {**COLUMNS, **(columns or {})}}}
    write(frame, tmp_path / f"log{suffix}")
    if items is not None:
        write(items, tmp_path / "items.csv")
        params["items"] = "items.csv"
    written = {
        "data": {"use": "tables", "params": params},
        "split": {"by": "none"},
        "identify": {"target": "ate"},
        "estimate": "aipw",
        "rank": "uplift",
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(written | config))
    done = causalkit("run", "config.yaml", "--until", until, cwd=tmp_path)
    return Outcome(**vars(done), folder=tmp_path)


def write(frame, path):
    frame.to_parquet(path, index=False) if path.suffix == ".parquet" else frame.to_csv(path, index=False)


def refused(outcome, *said):
    """Exit code 1, a message that says what and what to do, no traceback, and a run folder that is kept and true."""
    assert outcome.code == 1, outcome.err
    for part in said:
        assert part in outcome.err
    assert "Traceback" not in outcome.err
    assert len(outcome.err.strip().splitlines()) >= 2
    assert outcome.manifest["status"] == "failed"
    assert outcome.manifest["steps"][-1]["status"] == "failed"
    assert (outcome.folder / "config.yaml").is_file()
    assert (outcome.run.path / "config.yaml").is_file()


def as_dataset(frame, schema=(), items=None):
    rows = frame.assign(item=frame["item"].astype("category"), user=frame["user"].astype("category"))
    columns = [Column(name, spec["role"]) for name, spec in COLUMNS.items() if name in frame]
    table = pd.DataFrame(index=pd.Index(rows["item"].cat.categories, name="item")) if items is None else items
    return Dataset(Table(rows), Schema((*columns, *schema), ("user", "item", "week")), table)


def test_a_sound_log_passes_and_ends_well(tmp_path):
    assert check(as_dataset(log())) == ()
    done = command(tmp_path, log(), until="estimate")
    assert done.code == 0, done.err
    effects = done.run.effects.item["effect"]
    assert len(effects) == 3
    assert abs(effects.mean() - 0.2) < 0.15


@pytest.mark.parametrize(("rows", "said"), [(0, "is empty"), (1, "has one row")])
def test_fault_28_empty_or_one_row(tmp_path, rows, said):
    refused(command(tmp_path, log().head(rows)), f"the log of 'log' {said}", "Check the path")


@pytest.mark.parametrize(
    ("value", "said", "todo"),
    [
        (1, "every one of 600 rows is exposed", "Log rows that could have been exposed and were not"),
        (0, "none of 600 rows is exposed", "1, not 0, means shown"),
    ],
)
def test_fault_29_all_or_none_treated(tmp_path, value, said, todo):
    refused(command(tmp_path, log().assign(shown=value)), said, todo)


@pytest.mark.parametrize("column", ["shown", "bought", "n"])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e308], ids=str)
def test_fault_30_nan_inf_and_1e308_in_treatment_outcome_and_weight(column, value):
    frame = log().assign(n=1.0)
    frame[column] = frame[column].astype(float)
    frame.loc[5, column] = value
    with pytest.raises(DataError, match=f"column '{column}'.* in 1 (of 600 )?rows"):
        check(as_dataset(frame, [Column("n", "weight")]))


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("bought", None, "column 'bought' (outcome) is missing"),
        ("bought", np.inf, "column 'bought' (outcome) is infinite in 1 of 600 rows"),
        ("bought", 1e308, "column 'bought' (outcome) is beyond 1e+100"),
        ("activity", np.nan, "column 'activity' has 1 missing or infinite values in 600 rows"),
        ("activity", 1e308, "column 'activity' (covariate) is beyond 1e+100"),
    ],
)
def test_fault_30_nan_inf_and_1e308_are_refused_by_the_command(tmp_path, column, value, said):
    frame = log().astype({column: float})
    frame.loc[5, column] = value
    refused(command(tmp_path, frame, suffix=".parquet"), said)


def test_fault_30_gaps_in_a_covariate_are_cleaned_when_asked_and_counted(tmp_path):
    frame = log()
    frame.loc[5:9, "activity"] = np.nan
    done = command(tmp_path, frame, until="estimate", clean={"missing": "drop"})
    assert done.code == 0, done.err
    assert done.facts.cleaning == (("dropped rows with gaps: activity", 5),)


def test_fault_31_a_constant_outcome_is_refused(tmp_path):
    refused(command(tmp_path, log().assign(bought=0)), "'bought' (outcome) is 0 in every row", "Choose another outcome")


def test_fault_31_constant_duplicate_and_collinear_covariates_change_nothing(tmp_path):
    frame = log()
    extra = frame.assign(flat=7.5, again=frame["activity"], mixed=3 * frame["activity"] - 1)
    covariate = {"role": "covariate", "kind": "continuous", "tier": 1}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    plain = command(tmp_path / "a", frame, until="estimate")
    more = command(
        tmp_path / "b", extra, until="estimate", columns=dict.fromkeys(("flat", "again", "mixed"), covariate)
    )
    assert (plain.code, more.code) == (0, 0), more.err
    a, b = plain.run.effects.item, more.run.effects.item
    assert ((a["effect"] - b["effect"]).abs() < 0.2 * a["stderr"]).all()  # the penalty counts columns
    notes = " ".join(more.facts.notes)
    assert "'flat' is the same in every row" in notes
    assert "'again' follows from the ones before it" in notes
    assert "'mixed' follows from the ones before it" in notes


def test_fault_32_a_missing_column_names_the_nearest(tmp_path):
    done = command(tmp_path, log(), columns={"activty": {"role": "covariate"}})
    refused(done, "there is no column 'activty' in log.csv; did you mean 'activity'?", "They have [")


def test_fault_32_a_schema_column_that_a_dataset_lacks():
    with pytest.raises(DataError, match=r"names column 'incme' \(covariate\)"):
        check(as_dataset(log(), [Column("incme", "covariate")]))


@pytest.mark.parametrize("words", [("yes", "no"), ("True", "False")], ids="/".join)
@pytest.mark.parametrize("dtype", ["object", "string", "category"])
def test_fault_33_string_bool_or_category_treatments_read_as_0_and_1(tmp_path, words, dtype):
    from causalkit_plugins.datasets.tables import Tables

    shown = pd.Series([words[0] if one else words[1] for one in log()["shown"]], dtype=dtype)
    write(log().assign(shown=shown), tmp_path / "log.parquet")
    loaded = Tables(interactions=str(tmp_path / "log.parquet"), schema={"columns": COLUMNS}).load()
    assert loaded.interactions.frame()["shown"].tolist() == log()["shown"].tolist()
    assert check(loaded)[0].endswith("intervals assume independent rows")


def test_fault_33_a_treatment_in_words_goes_through_the_command(tmp_path):
    frame = log().assign(shown=log()["shown"].map({1: "banner", 0: "list"}).astype("category"))
    refused(command(tmp_path, frame), "'shown' (treatment) must be 0 or 1 and holds '", "'banner'", "treated: VALUE")
    named = command(tmp_path, frame, columns={"shown": {"role": "treatment", "treated": "banner"}})
    assert named.code == 0, named.err


def test_fault_34_duplicate_ids_are_refused(tmp_path):
    items = pd.DataFrame({"item": ["i0", "i1", "i1", "i2"], "price": [1, 2, 3, 4]})
    done = command(tmp_path, log(), items=items, columns={"price": {"role": "covariate"}})
    refused(done, "the table of 'item' has 1 ids on more than one row, such as 'i1'", "Keep one row each.")


def test_fault_34_duplicate_ids_of_any_dataset_are_refused():
    items = pd.DataFrame({"price": [1, 2, 3, 4]}, index=["i0", "i1", "i1", "i2"])
    with pytest.raises(DataError, match="the table of 'item' has 1 ids on more than one row"):
        check(as_dataset(log(), items=items))


def test_fault_34_mixed_type_ids_meet_as_strings(tmp_path):
    frame = log().assign(item=log()["item"].str[1:].astype(int))
    items = pd.DataFrame({"item": ["0", "1", "2", "new"], "price": [1.0, 2, 3, 4]})
    done = command(tmp_path, frame, suffix=".parquet", items=items, columns={"price": {"role": "covariate"}})
    assert done.code == 0, done.err
    assert list(done.run.dataset.items.index) == ["0", "1", "2", "new"]


@pytest.mark.parametrize("value", [0.0, 1.0, 1.2, -0.1])
def test_fault_35_propensities_outside_0_and_1_are_refused(tmp_path, value):
    frame = log().assign(p=0.5)
    frame.loc[5, "p"] = value
    with pytest.raises(DataError, match=r"'p' \(propensity\) must lie between 0 and 1"):
        check(as_dataset(frame, [Column("p", "propensity")]))
    if value == 1.2:
        done = command(tmp_path, frame, columns={"p": {"role": "propensity"}})
        refused(done, "must lie between 0 and 1, both excluded, and is [1.2] in 1 rows", "leave it out")


def test_fault_35_a_propensity_of_0_is_the_truth_for_an_item_never_exposed():
    frame = log().assign(p=0.5)
    cold = frame["item"] == "i2"
    frame.loc[cold, ["shown", "p"]] = 0
    check(as_dataset(frame, [Column("p", "propensity")]))


def test_fault_36_fewer_rows_than_columns(tmp_path):
    rng = np.random.default_rng(0)
    few = log(12).assign(shown=[0, 1] * 6, bought=[0, 0, 1, 1] * 3, **{f"x{k}": rng.normal(size=12) for k in range(20)})
    columns = {f"x{k}": {"role": "covariate", "kind": "continuous"} for k in range(20)}
    refused(command(tmp_path, few, columns=columns), "has 12 rows and 21 covariates", "Name fewer covariates")


def test_fault_40_permuted_columns_give_the_same_answer(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    frame = log().assign(x=np.random.default_rng(1).normal(size=600))
    columns = {"x": {"role": "covariate", "kind": "continuous"}}
    a = command(tmp_path / "a", frame, until="rank", columns=columns)
    b = command(tmp_path / "b", frame[frame.columns[::-1]], until="rank", columns=columns)
    assert (a.code, b.code) == (0, 0), a.err + b.err
    pd.testing.assert_frame_equal(a.run.effects.item, b.run.effects.item)
    pd.testing.assert_frame_equal(a.run.ranking.table, b.run.ranking.table)
    assert a.manifest["data_fingerprint"] == b.manifest["data_fingerprint"]


def test_weights_below_0_and_shares_as_treatment_are_refused():
    with pytest.raises(DataError, match="negative in 1 rows"):
        check(as_dataset(log().assign(n=[-1, *[1] * 599]), [Column("n", "weight")]))
    with pytest.raises(DataError, match=r"must be 0 or 1 and holds values such as 0\.5"):
        check(as_dataset(log().assign(shown=0.5)))


def test_without_effects_a_log_without_unexposed_rows_may_pass():
    check(as_dataset(log().assign(shown=1)), causal=False)


BLOCKS = {"by": "time-blocks", "weeks": 2, "pattern": "DEET"}
START = pd.Timestamp("2024-03-30 20:00", tz="UTC")
"""Berlin's clocks go forward in the night after, New York's went before."""


def hourly(rows=600):
    """A log whose time is an instant every 3.5 hours, over a change of clocks."""
    return log(rows).assign(week=START + pd.to_timedelta(np.arange(rows) * 3.5, "h"))


def effects_of(done):
    assert done.code == 0, done.err
    return done.run.effects.item


@pytest.fixture(scope="module")
def instants(tmp_path_factory):
    """Effects of the hourly log, in UTC and in order."""
    folder = tmp_path_factory.mktemp("instants")
    done = command(folder, hourly(), until="rank", suffix=".parquet", **LAGGED)
    return effects_of(done)


LAGGED = {
    "split": BLOCKS,
    "estimate": "difference-in-means",
    "columns": {"bought": {"role": "outcome", "lag": 2}},
}


def test_fault_37_rows_in_any_order_give_the_same_answer(tmp_path, instants):
    shuffled = hourly().sample(frac=1, random_state=3)
    found = effects_of(command(tmp_path, shuffled, until="rank", suffix=".parquet", **LAGGED))
    pd.testing.assert_frame_equal(found, instants, check_exact=True)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_fault_37_one_instant_written_in_any_zone_is_one_instant(tmp_path, instants, suffix):
    zones = ("Europe/Berlin", "America/New_York", "Asia/Kolkata")
    written = [t.tz_convert(zones[i % 3]).isoformat() for i, t in enumerate(hourly()["week"])]
    found = effects_of(command(tmp_path, hourly().assign(week=written), until="rank", suffix=suffix, **LAGGED))
    pd.testing.assert_frame_equal(found, instants, check_exact=True)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("2024-05-31T10:00:00", "'week' (time) has a time zone in some rows only"),
        ("2024-02-30T10:00:00Z", "'week' (time) cannot be read: Time data 2024-02-30T10:00:00Z"),
        ("31/05/2024 10:00 Z", "'week' (time) cannot be read: Time data 31/05/2024 10:00 Z"),
        ("", "'week' (time) is missing in 1 of 600 rows"),
    ],
)
def test_fault_37_times_that_cannot_be_told_are_refused(tmp_path, value, said):
    written = hourly()["week"].map(pd.Timestamp.isoformat).astype(object)
    written[7] = value
    done = command(tmp_path, hourly().assign(week=written), **LAGGED)
    refused(done, said)
    assert "passing `format`" not in done.err


@pytest.mark.parametrize("of", ["bought", "shown"])
def test_fault_37_a_covariate_that_follows_from_the_future_is_refused(tmp_path, of):
    frame = log().assign(later=3 - 2 * log()[of])
    columns = {"later": {"role": "covariate", "kind": "continuous"}}
    refused(command(tmp_path, frame, columns=columns), f"column 'later' (covariate) follows from '{of}'", "tier")
    words = frame.assign(later=frame["later"].map({1: "x", 3: "y"}))
    columns = {"later": {"role": "covariate", "kind": "categorical"}}
    refused(command(tmp_path, words, columns=columns), f"column 'later' (covariate) follows from '{of}'")


def test_fault_37_what_a_tier_puts_after_the_treatment_is_never_adjusted_for(tmp_path):
    columns = {
        "shown": {"role": "treatment", "tier": 2},
        "bought": {"role": "outcome", "tier": 4},
        "later": {"role": "covariate", "kind": "continuous", "tier": 3},
    }
    frame = log().assign(later=log()["bought"])
    done = command(tmp_path, frame, until="estimate", columns=columns, discover="pc")
    assert done.code == 0, done.err
    assert "later" not in done.run.estimands[0].adjustment
    assert "later (comes after treatment)" in done.run.estimands[0].reason
    chosen = command(tmp_path, frame, until="estimate", columns=columns, identify={"adjust": ["later"]})
    assert chosen.code == 2
    assert "identify.adjust = 'later': its tier comes after the treatment's" in chosen.err


@pytest.mark.parametrize(
    ("knowledge", "said"),
    [
        ({"required": ["activity -> x", "x -> activity"]}, "activity -> x: required, and also ruled out"),
        (
            {"required": ["activity -> x", "x -> shown", "shown -> activity"]},
            "activity -> x -> shown -> activity: required edges form a cycle",
        ),
        ({"required": ["x -> x"]}, "x -> x: required edges form a cycle"),
        ({"tiers": {"x": 1, "activity": 0}, "required": ["x -> activity"]}, "x -> activity: required, and also"),
        ({"tiers": [["x"], ["activity", "x"]]}, "knowledge.tiers holds 'x' in tiers 0 and 1; keep one"),
    ],
)
def test_fault_38_a_graph_that_cannot_be_is_refused_before_anything_runs(tmp_path, knowledge, said):
    (tmp_path / "knowledge.yaml").write_text(yaml.safe_dump(knowledge))
    done = command(tmp_path, log(), knowledge="knowledge.yaml", discover="pc")
    assert done.code == 2
    assert "knowledge.yaml:" in done.err
    assert said in done.err
    assert not (tmp_path / "runs").exists()


def test_fault_38_knowledge_that_contradicts_the_schemas_tiers_is_told_with_its_sources(tmp_path):
    columns = {"shown": {"role": "treatment", "tier": 2}}
    wanted = {"required": ["shown -> activity"], "source": "a hunch"}
    done = command(tmp_path, log(), columns=columns, until="discover", knowledge=wanted, discover="pc")
    assert done.code == 2
    assert "shown -> activity: required, and also ruled out by a tier" in done.err
    assert "schema + a hunch" in done.err
    assert done.manifest["status"] == "failed"


def test_fault_38_a_graph_without_edges_claims_nothing_unless_trusted(tmp_path):
    names = ("activity", "shown", "bought")
    none = {"forbidden": [f"{a} -> {b}" for a in names for b in names if a != b]}
    plan = {"until": "rank", "knowledge": none, "discover": "knowledge", "estimate": "difference-in-means"}
    doubted = command(tmp_path, log(), **plan)
    assert doubted.code == 0, doubted.err
    assert doubted.run.estimands[0].adjustment == ("activity",)
    assert "no directed path leads from shown to bought" in doubted.run.estimands[0].warnings[0]
    trusted = command(tmp_path, log(), **plan, identify={"trust_graph": True})
    assert trusted.code == 0, trusted.err
    assert set(trusted.run.effects.item["status"]) == {"no-path"}


def texts(folder, suffix, *, name="i0", text="ripe plums", spoil=None, rows=600):
    """A run over three items, the first with the given id and text; `spoil` changes the items file's bytes."""
    items = pd.DataFrame({"item": [name, "i1", "i2"], "text": [text, "plain bread", "other words"]})
    write(log(rows).assign(item=items["item"].to_numpy()[np.arange(rows) % 3]), folder / f"log{suffix}")
    write(items, path := folder / f"items{suffix}")
    if spoil is not None:
        path.write_bytes(spoil(path.read_bytes()))
    files = {"interactions": f"log{suffix}", "items": path.name}
    columns = {**COLUMNS, "text": {"role": "covariate", "kind": "text"}}
    config = {
        "data": {"use": "tables", "params": {**files, "schema": {"columns": columns}}},
        "split": {"by": "none"},
        "encode": {"item": {"use": "lsa", "params": {"dims": 2}}},
        "estimate": "difference-in-means",
        "explain": "receipt",
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return Outcome(**vars(causalkit("run", "config.yaml", cwd=folder)), folder=folder)


HOSTILE = "\u202egnp.exe\u202c a\0b\x01\x1b[31mred\x07\r\n\u2028<script>alert(1)</script>"
LONG = "plum " * 210_000
"""More than a megabyte."""


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_fault_39_hostile_text_runs_through_and_stays_inert(tmp_path, suffix):
    name = HOSTILE
    if suffix == ".csv" and pd.__version__ < "3":
        refused(texts(tmp_path, suffix, name=name), "holds NUL characters")
        name = name.replace("\0", "")
    done = texts(tmp_path, suffix, name=name, text=name)
    assert done.code == 0, done.err
    assert set(done.run.effects.item.index) == {name, "i1", "i2"}  # an id is data: kept as it is
    report = (done.run.path / "report.html").read_text(encoding="utf-8")
    for shown in (done.out, done.err, report):
        assert not set(shown) & set("\0\x01\x1b\x07\u202e\u2028")
    assert "<script>alert" not in report
    told = causalkit("explain", "--item", "i1", cwd=tmp_path)
    assert told.code == 0, told.err
    assert not set(told.out) & set("\0\x01\x1b\x07\u202e\u2028")


@pytest.mark.parametrize(("suffix", "name"), [(".csv", "i0"), (".parquet", LONG)], ids=["csv", "parquet"])
def test_fault_39_a_megabyte_of_text_runs_through(tmp_path, suffix, name):
    done = texts(tmp_path, suffix, name=name, text=LONG, rows=60)
    assert done.code == 0, done.err
    assert name in done.run.effects.item.index
    assert (done.run.path / "report.html").stat().st_size < 200_000


@pytest.mark.parametrize(
    ("suffix", "spoil", "said"),
    [
        (".csv", lambda old: old.replace(b"plain", b"pl\xff\xfen"), "items.csv cannot be read as UTF-8 CSV"),
        (".csv", lambda old: old.decode().encode("utf-16"), "items.csv cannot be read as UTF-8 CSV"),
        (".parquet", lambda old: old.replace(b"plain", b"pl\xff\xfen"), "column 'text' of items.parquet holds bytes"),
        (".parquet", lambda old: old[: len(old) // 2], "items.parquet cannot be read as Parquet"),
    ],
)
def test_fault_39_bytes_that_are_no_text_are_refused_with_their_place(tmp_path, suffix, spoil, said):
    done = texts(tmp_path, suffix, spoil=spoil)
    refused(done, said, "again" if suffix == ".parquet" else "Save it as UTF-8")
