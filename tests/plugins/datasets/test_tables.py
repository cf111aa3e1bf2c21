"""Your own files: every form that ids, treatments and times come in is read, or refused with what to do."""

import gc

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.datasets.tables import Tables

from causalkit.components import Context
from causalkit.errors import DataError, Interrupted, InvalidParameter
from causalkit.identification.design import read_design

COLUMNS = {
    "user": {"role": "user"},
    "item": {"role": "item"},
    "week": {"role": "time"},
    "shown": {"role": "treatment", "description": "shown on the first page"},
    "bought": {"role": "outcome"},
    "activity": {"role": "covariate", "tier": 1},
}
SCHEMA = {"columns": COLUMNS, "assignment": ["item", "week"]}


def log(n=60):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "user": rng.integers(0, 9, n),
            "item": [f"i{k}" for k in rng.integers(0, 5, n)],
            "week": np.arange(n) % 6,
            "shown": rng.integers(0, 2, n),
            "bought": rng.integers(0, 2, n),
            "activity": rng.normal(size=n),
            "unnamed": 1,
        }
    )


def write(frame, path):
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False)
    return str(path)


def with_column(name, **changes):
    return {"columns": COLUMNS | {name: COLUMNS.get(name, {}) | changes}, "assignment": []}


def load(frame, tmp_path, schema=None, suffix=".parquet", **more):
    return Tables(interactions=write(frame, tmp_path / f"log{suffix}"), schema=schema or SCHEMA, **more).load()


def test_a_file_is_closed_where_the_user_asks_to_stop(tmp_path):
    write(log(), tmp_path / "log.csv")
    made = Tables(interactions=str(tmp_path / "log.csv"), schema=SCHEMA)
    with pytest.raises(Interrupted) as stopped:
        made.load(context=Context(cancelled=lambda: True, part_rows=7))
    del stopped
    gc.collect()  # an unclosed file warns here, and warnings are errors


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_log_is_read_with_its_schema(tmp_path, suffix):
    dataset = load(log(), tmp_path, suffix=suffix)
    rows = dataset.interactions.frame()
    assert list(rows.columns) == list(COLUMNS)
    assert rows["shown"].tolist() == log()["shown"].tolist()
    np.testing.assert_allclose(rows["activity"], log()["activity"])
    assert dataset.schema.assignment == ("item", "week")
    assert (dataset.schema["shown"].kind, dataset.schema["shown"].description) == ("binary", "shown on the first page")
    assert dataset.schema["activity"].kind == "continuous"
    assert list(dataset.items.index) == list(rows["item"].cat.categories)
    assert dataset.name == "log"


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_small_parts_give_the_same_log(tmp_path, suffix):
    source = Tables(interactions=write(log(), tmp_path / f"log{suffix}"), schema=SCHEMA)
    whole, parts = source.load(), source.load(context=Context(part_rows=7))
    pd.testing.assert_frame_equal(whole.interactions.frame(), parts.interactions.frame())
    assert whole.fingerprint() == parts.fingerprint()


def test_a_folder_of_files_is_one_log(tmp_path):
    for sort in ("csv", "parquet"):
        folder = tmp_path / sort
        folder.mkdir()
        for k in range(3):
            write(log().iloc[k * 20 : k * 20 + 20], folder / f"part-{k}.{sort}")
        rows = Tables(interactions=str(folder), schema=SCHEMA).load().interactions.frame()
        assert rows["activity"].tolist() == pytest.approx(log()["activity"].tolist())


@pytest.mark.parametrize(
    "said",
    [("True", "False"), ("yes", "no"), ("1", "0"), ("Treated", "control"), (True, False), (1.0, 0.0)],
    ids=str,
)
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_treatments_in_plain_words_are_coerced(tmp_path, said, suffix):
    frame = log()
    words = [said[0] if shown else said[1] for shown in frame["shown"]]
    for values in (pd.Series(words), pd.Series(words).astype("category")):
        rows = load(frame.assign(shown=values), tmp_path, suffix=suffix).interactions.frame()
        assert rows["shown"].tolist() == frame["shown"].tolist()
        assert rows["shown"].dtype == np.int8


def test_object_strings_and_new_string_dtype_read_the_same(tmp_path):
    words = ["yes" if shown else "no" for shown in log()["shown"]]
    for dtype in (object, "string", "category"):
        rows = load(log().assign(shown=pd.Series(words, dtype=dtype)), tmp_path).interactions.frame()
        assert rows["shown"].tolist() == log()["shown"].tolist()


def test_treated_names_the_value_that_means_one(tmp_path):
    frame = log().assign(shown=np.where(log()["shown"], "banner", "list"))
    rows = load(frame, tmp_path, with_column("shown", treated="banner")).interactions.frame()
    assert rows["shown"].tolist() == log()["shown"].tolist()
    with pytest.raises(DataError, match="never holds 'baner'"):
        load(frame, tmp_path, with_column("shown", treated="baner"))


@pytest.mark.parametrize("values", [["a", "b"], [0.2, 0.8], [0, 2], [1, np.inf]], ids=str)
def test_other_treatments_are_refused_with_what_to_do(tmp_path, values):
    with pytest.raises(DataError, match=r"'shown' \(treatment\) must be 0 or 1 and holds") as error:
        load(log().assign(shown=np.resize(values, 60)), tmp_path)
    assert "treated: VALUE" in str(error.value)


def test_a_missing_treatment_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"'shown' \(treatment\) is missing in 1 of 60 rows"):
        load(log().assign(shown=log()["shown"].astype(float).where(log().index > 0)), tmp_path)


def test_csv_ids_stay_as_written(tmp_path):
    frame = log().assign(item=np.resize(["007", "7", "NA", "x"], 60))
    items = pd.DataFrame({"item": ["007", "7", "NA", "x", "new"], "title": list("abcde")})
    schema = with_column("title", role="covariate", kind="text")
    dataset = load(frame, tmp_path, schema, ".csv", items=write(items, tmp_path / "items.csv"))
    assert dataset.items["title"].to_dict() == {"007": "a", "7": "b", "NA": "c", "x": "d", "new": "e"}
    assert dataset.item_texts()["NA"] == "c"


def test_ids_of_two_types_meet_as_strings(tmp_path):
    items = pd.DataFrame({"item": ["0", "1", "2", "3", "4"], "price": [1.0, 2, 3, 4, 5]})
    frame = log().assign(item=log()["item"].str[1:].astype(int))
    schema = with_column("price", role="covariate")
    dataset = load(frame, tmp_path, schema, items=write(items, tmp_path / "items.csv"))
    rows = dataset.interactions.frame()
    assert dataset.items.loc["3", "price"] == 4
    assert set(rows["item"].cat.categories) <= set(dataset.items.index)
    assert rows["item"].astype(str).tolist() == frame["item"].astype(str).tolist()


def test_integer_ids_stay_integers_also_where_they_were_read_as_floats(tmp_path):
    users = load(log().assign(user=log()["user"].astype(float)), tmp_path).interactions.frame()["user"]
    assert users.cat.categories.dtype == np.int64


def test_ids_with_nothing_in_common_are_refused(tmp_path):
    items = pd.DataFrame({"item": ["a", "b"], "title": ["A", "B"]})
    with pytest.raises(DataError, match="no 'item' of the log is in its table: the log has 'i"):
        load(
            log(), tmp_path, with_column("title", role="covariate", kind="text"), items=write(items, tmp_path / "i.csv")
        )


def test_doubled_and_missing_ids_are_refused(tmp_path):
    doubled = pd.DataFrame({"item": ["i0", "i0", "i1"], "title": ["a", "b", "c"]})
    with pytest.raises(DataError, match="has 1 ids on more than one row, such as 'i0'"):
        load(log(), tmp_path, with_column("title", role="covariate"), items=write(doubled, tmp_path / "i.csv"))
    with pytest.raises(DataError, match=r"'item' \(item\) is missing in 2 of 60 rows"):
        load(log().assign(item=log()["item"].where(log().index > 1)), tmp_path)


def test_items_without_a_row_are_kept_with_missing_attributes(tmp_path):
    items = pd.DataFrame({"item": ["i0", "cold"], "price": [1.0, 2.0]})
    dataset = load(log(), tmp_path, with_column("price", role="covariate"), items=write(items, tmp_path / "i.csv"))
    assert set(dataset.items.index) == {"cold", *log()["item"]}
    assert dataset.items["price"].isna().sum() == 4


def test_a_segment_of_the_users_table_reaches_the_rows(tmp_path):
    users = pd.DataFrame({"user": range(9), "income": ["low", "high", None] * 3})
    schema = with_column("income", role="segment")
    dataset = load(log(), tmp_path, schema, users=write(users, tmp_path / "users.parquet"))
    rows = dataset.interactions.frame()
    assert rows["income"].tolist() == [("low", "high", "missing")[user % 3] for user in rows["user"]]
    assert dataset.users["segment"].astype(str).loc[2] == "missing"


@pytest.mark.parametrize("zone", ["", "+02:00", "Z"])
def test_timestamps_are_kept(tmp_path, zone):
    days = pd.date_range("2024-03-01", periods=60, freq="D").strftime("%Y-%m-%dT%H:%M:%S")
    weeks = load(log().assign(week=days + zone), tmp_path, suffix=".csv").interactions.frame()["week"]
    assert (weeks.dt.tz is not None) == bool(zone)
    expected = pd.to_datetime(pd.Series(days + zone), utc=bool(zone))
    assert (weeks.to_numpy() == expected.to_numpy()).all()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["01/02/2024"], "ISO 8601"),
        ([1.5], "fractions"),
        (["2024-01-01T00:00:00Z", "2024-01-01T00:00:00"], "some rows only"),
        ([None, "2024-01-01"], "missing in 30"),
    ],
)
def test_times_that_cannot_be_told_are_refused(tmp_path, values, said):
    with pytest.raises(DataError, match=said):
        load(log().assign(week=(values * 60)[:60]), tmp_path, suffix=".csv")


def test_lag_replaces_the_column_by_its_past(tmp_path):
    schema = load(log(), tmp_path, with_column("activity", lag=2)).schema
    assert schema["activity"].role == "signal"
    derived = schema["activity_lag2"]
    assert (derived.role, derived.tier, derived.derive.of, derived.derive.periods) == ("covariate", 1, "activity", 2)
    outcome = load(log(), tmp_path, with_column("bought", lag=4)).schema
    assert (outcome["bought"].role, outcome["bought_lag4"].role) == ("outcome", "covariate")


def test_derived_columns_need_not_be_in_the_file(tmp_path):
    schema = load(log(), tmp_path, with_column("season", role="covariate", derive={"how": "fourier", "periods": 52}))
    assert schema.schema["season"].derive.periods == 52


def test_weights_propensities_positions_and_clusters_are_honoured(tmp_path):
    frame = log().assign(n=2, p=0.5, place=1, store="s1")
    roles = {"n": "weight", "p": "propensity", "place": "position", "store": "cluster"}
    schema = {"columns": COLUMNS | {name: {"role": role} for name, role in roles.items()}}
    dataset = load(frame, tmp_path, schema)
    assert dataset.weights(dataset.interactions.frame()).sum() == 120
    assert {role: dataset.schema.find(role) for role in roles.values()} == {role: n for n, role in roles.items()}


def test_misspelt_column_names_the_nearest(tmp_path):
    with pytest.raises(DataError, match=r"no column 'activty' in .*did you mean 'activity'"):
        load(log(), tmp_path, with_column("activty", role="covariate"))


def test_text_in_a_number_column_is_refused(tmp_path):
    frame = log().assign(activity=["3,5"] + ["1.5"] * 59)
    with pytest.raises(DataError, match=r"'activity' \(covariate\) must hold numbers and holds '3,5'"):
        load(frame, tmp_path, with_column("activity", kind="continuous"), ".csv")


def test_misspelt_schema_keys_are_refused():
    with pytest.raises(InvalidParameter, match=r"schema\.columns\.item\.rol = 'item': no such parameter"):
        Tables(interactions="x.csv", schema={"columns": {"item": {"role": "item", "rol": "item"}}})
    with pytest.raises(InvalidParameter, match=r"schema\.columns\.item\.role = 'itm'"):
        Tables(interactions="x.csv", schema={"columns": {"item": {"role": "itm"}}})


def test_broken_files_are_data_errors(tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        Tables(interactions=str(tmp_path / "none.csv"), schema=SCHEMA).load()
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 truncated")
    with pytest.raises(DataError, match="cannot be read"):
        Tables(interactions=str(tmp_path / "bad.parquet"), schema=SCHEMA).load()
    (tmp_path / "latin.csv").write_bytes(b"user,item,week,shown,bought,activity\n1,caf\xe9,1,0,1,2\n")
    with pytest.raises(DataError, match="UTF-8"):
        Tables(interactions=str(tmp_path / "latin.csv"), schema=SCHEMA).load()
    (tmp_path / "twice.csv").write_text("user,item,item\n1,2,3\n")
    with pytest.raises(DataError, match="has the column 'item' twice"):
        Tables(interactions=str(tmp_path / "twice.csv"), schema=SCHEMA).load()
    (tmp_path / "log.xlsx").write_bytes(b"x")
    with pytest.raises(DataError, match="neither Parquet nor CSV"):
        Tables(interactions=str(tmp_path / "log.xlsx"), schema=SCHEMA).load()


def test_covariates_of_users_are_laid_onto_the_rows_and_so_adjusted_for(tmp_path):
    frame = log()
    users = pd.DataFrame({"user": range(10), "age": np.arange(10) * 7.0, "country": list("abcabcabca")})
    schema = with_column("age", role="covariate")
    schema["columns"] |= {"country": {"role": "covariate", "kind": "categorical"}}
    dataset = load(frame, tmp_path, schema, users=write(users, tmp_path / "users.csv"))
    rows = dataset.interactions.frame()
    assert rows["age"].tolist() == (frame["user"] * 7.0).tolist()
    assert rows["country"].astype(str).tolist() == [users["country"][u] for u in frame["user"]]
    assert {"age", "country"} <= set(read_design(dataset).adjustment)


def test_items_without_attributes_are_counted(tmp_path):
    items = pd.DataFrame({"item": ["i0", "i1", "i9"], "size": [1.0, 2.0, 3.0]})
    dataset = load(log(), tmp_path, with_column("size", role="covariate"), items=write(items, tmp_path / "items.csv"))
    assert dataset.notes == (f"3 of 6 items of the log have no attributes in {tmp_path / 'items.csv'}",)


@pytest.mark.parametrize(
    ("columns", "assignment", "said"),
    [
        ({"item": {"role": "item"}}, [], "no column has the role treatment or outcome"),
        (COLUMNS | {"x": {"role": "outcome"}}, [], "more than one column has the role outcome"),
        (COLUMNS, ["wek"], "'wek', which is no column of the schema; did you mean 'week'"),
    ],
)
def test_a_schema_that_cannot_serve_is_refused_before_a_file_is_read(columns, assignment, said):
    with pytest.raises(InvalidParameter, match=said):
        Tables(interactions="not read", schema={"columns": columns, "assignment": assignment})


def test_words_of_the_schema_reach_the_dataset(tmp_path):
    schema = SCHEMA | {"words": {"units": "readers", "outcome": "bought"}}
    words = load(log(), tmp_path, schema).schema.words
    assert (words.units, words.outcome, words.period) == ("readers", "bought", "period")
    with pytest.raises(InvalidParameter, match="unit"):
        load(log(), tmp_path, SCHEMA | {"words": {"unit": "readers"}})
