"""Configs: found, overlaid, validated whole, filled in, hashed."""

from __future__ import annotations

import dataclasses
import json

import pytest

from causalkit.config import Config, describe_config, load_config, read_knowledge
from causalkit.errors import ConfigError, UsageError
from tests.toys import registry

MINIMAL = {"data": "log", "estimate": "robust"}


def load(source, *overrides, environment=None):
    return load_config(source, overrides=overrides, environment=environment or {}, registry=registry())


def problems(source, *overrides, environment=None):
    with pytest.raises(ConfigError) as caught:
        load(source, *overrides, environment=environment)
    return [str(problem) for problem in caught.value.problems]


def written(tmp_path, text, name="shop.yaml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_are_filled_in():
    config = load(MINIMAL)
    assert config.estimate["item"].params == {"alpha": 0.05, "folds": 5, "trim": [0.01, 0.99]}
    assert config.rank.use == "uplift"
    assert [s.use for s in config.baselines] == ["random", "popularity"]
    assert config.naive.use == "difference-in-means"
    assert config.split.pattern == "DEET"
    assert config.discover is None
    assert config.encode == {}
    assert (config.seed, config.top, config.name) == (0, 10, "run")


def test_defaults_of_held_components_are_filled_in_and_their_none_stays():
    config = load(
        {"data": "log", "estimate": {"use": "shrunk", "params": {"of": {"use": "shrunk", "params": {"of": "robust"}}}}}
    )
    inner = {"use": "robust", "params": {"alpha": 0.05, "folds": 5, "trim": [0.01, 0.99]}}
    middle = {"use": "shrunk", "params": {"of": inner, "prior": None, "weight": 1.0}}
    assert config.estimate["item"].params == {"of": middle, "prior": None, "weight": 1.0}


@pytest.mark.parametrize(
    "source",
    [
        MINIMAL,
        {
            "data": {"use": "log", "params": {"columns": {"no": {"role": "1e-3"}}}},
            "estimate": {"item": {"use": "shrunk", "params": {"of": "robust"}}, "pair": "pairs"},
            "encode": "words",
            "discover": {"use": "joined", "params": {"parts": ["joined", {"use": "joined"}]}},
            "knowledge": {"tiers": [["a"], ["b"]], "required": ["a -> b"]},
            "refute": "shuffle",
            "evaluate": ["gain@3", "gain"],
            "explain": "receipt",
            "clean": {"missing": "mean", "standardise": ["x"]},
            "baselines": "none",
            "seed": 3,
            "name": "no",
        },
    ],
)
def test_the_resolved_config_loads_as_an_equal_one(source, tmp_path):
    config = load(source)
    assert load(config.to_dict()) == config
    assert load(written(tmp_path, config.to_yaml())) == config
    assert load(written(tmp_path, config.to_yaml())).hash == config.hash
    assert load(config) == config
    assert json.loads(json.dumps(config.to_dict())) == config.to_dict()


def test_bare_names_and_at_are_sugar():
    config = load({**MINIMAL, "evaluate": ["gain@3", {"use": "gain", "params": {"k": 3}}, {"use": "gain@3"}]})
    assert config.evaluate[0] == config.evaluate[1] == config.evaluate[2]
    assert config.evaluate[0].params == {"k": 3}


def test_a_bare_estimator_fills_the_level_it_declares():
    assert list(load({"data": "log", "estimate": "robust"}).estimate) == ["item"]
    assert list(load({"data": "log", "estimate": "pairs"}).estimate) == ["pair"]
    assert list(load({"data": "log", "estimate": {"use": "pairs", "params": {"level": "segment"}}}).estimate) == [
        "segment"
    ]


def test_an_estimator_of_any_level_fills_the_one_it_stands_under():
    config = load({"data": "log", "estimate": {"segment": "pairs"}})
    assert config.estimate["segment"].params["level"] == "segment"


def test_an_estimator_under_another_level_is_told():
    assert problems({"data": "log", "estimate": {"pair": "robust"}}) == [
        "estimate.pair = 'robust': fills the level 'item'; write {item: robust}"
    ]


def test_precedence_is_file_environment_option(tmp_path):
    path = written(tmp_path, "data: log\nestimate: {use: robust, params: {folds: 2, alpha: 0.1}}\nseed: 1\ntop: 4\n")
    environment = {"CAUSALKIT__SEED": "2", "CAUSALKIT__ESTIMATE__ITEM__PARAMS__FOLDS": "3", "CAUSALKIT_OTHER": "x"}
    config = load(path, "estimate.item.params.folds=4", environment=environment)
    assert (config.seed, config.top) == (2, 4)
    assert config.estimate["item"].params["folds"] == 4
    assert config.estimate["item"].params["alpha"] == 0.1
    assert load(path, environment=environment).estimate["item"].params["folds"] == 3


def test_the_environment_finds_keys_in_any_case():
    source = {"data": {"use": "log", "params": {"columns": {"Price": {"role": "x"}}}}, "estimate": "robust"}
    config = load(source, environment={"CAUSALKIT__DATA__PARAMS__COLUMNS__PRICE__ROLE": "y"})
    assert config.data.params["columns"] == {"Price": {"role": "y"}}


def test_a_new_use_drops_old_params_and_keeps_the_rest():
    source = {"data": "log", "estimate": {"item": {"use": "robust", "params": {"folds": 9}}, "pair": "pairs"}}
    new = load(source, "estimate.item.use=difference-in-means")
    assert new.estimate["item"].params == {}
    assert new.estimate["pair"].use == "pairs"
    assert load(source, "estimate.item=robust").estimate["item"].params["folds"] == 9
    assert load(source, "estimate=difference-in-means").estimate["item"].use == "difference-in-means"
    assert load(source, "estimate=difference-in-means").estimate["pair"].use == "pairs"


def test_a_held_component_is_overlaid_alike():
    source = {"data": "log", "estimate": {"use": "shrunk", "params": {"of": {"use": "robust", "params": {"folds": 9}}}}}
    assert (
        load(source, "estimate.item.params.of.params.alpha=0.2").estimate["item"].params["of"]["params"]["folds"] == 9
    )
    assert load(source, "estimate.item.params.of=pairs").estimate["item"].params["of"]["params"] == {"level": "pair"}


def test_lists_are_replaced_or_reached_into():
    source = {**MINIMAL, "evaluate": ["gain@1", "gain@2"]}
    assert [s.params["k"] for s in load(source, "evaluate=[gain@7]").evaluate] == [7]
    assert [s.params["k"] for s in load(source, "evaluate.1.params.k=7").evaluate] == [1, 7]
    assert [s.params["k"] for s in load(source, "evaluate.2=gain@7").evaluate] == [1, 2, 7]
    assert load(source, "evaluate=none").evaluate == ()


@pytest.mark.parametrize("option", ["encode=none", "encode=", "encode.item=none"])
def test_none_leaves_a_step_out(option):
    assert load({**MINIMAL, "encode": "words"}, option).encode == {}


def test_option_values_are_yaml_1_2():
    config = load(MINIMAL, "estimate.item.params.alpha=1e-3", "identify.adjust=[a, b]", "name=no")
    assert config.estimate["item"].params["alpha"] == 0.001
    assert config.identify.adjust == ("a", "b")
    assert config.name == "no"


@pytest.mark.parametrize("option", ["seed", "=3", "a..b=1", ""])
def test_an_option_that_is_no_assignment_is_refused(option):
    with pytest.raises(UsageError, match="key=value"):
        load(MINIMAL, option)


def test_an_option_that_is_no_yaml_names_itself():
    with pytest.raises(ConfigError, match="-o seed has 1 problem"):
        load(MINIMAL, "seed=[1")


def test_every_problem_is_told_at_once_with_its_line(tmp_path):
    path = written(
        tmp_path,
        "data: lgo\n"
        "split: {weks: 3, by: time, pattern: DT}\n"
        "estimate:\n"
        "  item:\n"
        "    use: shrunk\n"
        "    params:\n"
        "      of: {use: robust, params: {alfa: 0.1, folds: many}}\n"
        "      weight: heavy\n"
        "evaluate:\n"
        "  - gain@x\n"
        "  - {use: gain, parms: {k: 1}}\n"
        "  - [1]\n"
        "seed: 1.5\n"
        "discver: joined\n",
    )
    told = "\n".join(problems(path))
    for line, said in [
        (1, "data = 'lgo': no such dataset; did you mean 'log'?"),
        (2, "split.weks = 3: no such key; did you mean 'weeks'?"),
        (2, "split.by = 'time': must be 'time-blocks', 'random' or 'none'"),
        (2, "split.pattern = 'DT': must be letters D, E, V and T, with at least one E"),
        (7, "estimate.item.params.of.params.alfa = 0.1: no such parameter; did you mean 'alpha'?"),
        (7, "estimate.item.params.of.params.folds = 'many': must be a valid integer"),
        (8, "estimate.item.params.weight = 'heavy': must be a valid number"),
        (10, "evaluate.0 = 'gain@x': must be a whole number after '@'"),
        (11, "evaluate.1.parms: no such key; did you mean 'params'?"),
        (12, "evaluate.2 = [1]: must be a name, or {use: NAME, params: …}"),
        (13, "seed = 1.5: must be a valid integer"),
        (14, "discver = 'joined': no such key; did you mean 'discover'?"),
    ]:
        assert f"shop.yaml:{line}  {said}" in told
    assert told.count("\n") == 11


def test_a_config_error_reads_as_the_style_notes_say(tmp_path):
    path = written(
        tmp_path, "data: log\nestimate:\n  item:\n    use: robust\n    params:\n      folds: x\n      alfa: 0.1\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value) == (
        "estimate has 2 problems:\n"
        f"  {path}:6  estimate.item.params.folds = 'x': must be a valid integer, unable to parse string as an integer\n"
        f"  {path}:7  estimate.item.params.alfa = 0.1: no such parameter; did you mean 'alpha'?\n"
        "See `causalkit describe estimator robust`."
    )


def test_checks_of_several_parameters_together_count(tmp_path):
    path = written(tmp_path, "data: log\nestimate:\n  item: {use: robust, params: {alpha: 2}}\n")
    assert problems(path) == [f"{path}:3  estimate.item.params.alpha = 2.0: must be less than 1"]


def test_overrides_say_where_they_came_from():
    assert problems(MINIMAL, "seed=abc")[0].startswith("-o  seed = 'abc': must be a valid integer")
    assert problems(MINIMAL, environment={"CAUSALKIT__TOP": "0"})[0].startswith("CAUSALKIT__TOP  top = 0: must be")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({}, "data: required, and missing; name a dataset"),
        ({"data": "log"}, "estimate: required, and missing; name an estimator"),
        ({**MINIMAL, "estimate": {"itm": "robust"}}, "estimate.itm: no such key; did you mean 'item'?"),
        ({**MINIMAL, "split": "random"}, "split = 'random': must be a mapping"),
        ({**MINIMAL, "split": {"discover": 0.6, "test": 0.5}}, "their sum must be below 1"),
        ({**MINIMAL, "split": {"first": 9, "last": 2}}, "first must not be after last"),
        ({**MINIMAL, "refute": {"shuffle": 1}}, "must be a list of refuters"),
        ({**MINIMAL, "rank": {"params": {}}}, "must be a name, or {use: NAME, params: …}"),
        ({**MINIMAL, "rank": {"use": "uplift", "params": [1]}}, "must be a mapping of parameters"),
        ({**MINIMAL, "rank": {"use": 3}}, "must be the name of a component"),
        ({**MINIMAL, "estimate": "shrunk"}, "estimate.item.params.of: required, and missing"),
        ({**MINIMAL, "knowledge": {"tiers": {"a": 1.5}}}, "knowledge.tiers.a = 1.5: must be a whole number"),
        ({**MINIMAL, "knowledge": "gone.yaml"}, "knowledge = 'gone.yaml': cannot be read"),
        (
            {**MINIMAL, "identify": {"target": "atx"}},
            "must be 'att', 'ate' or 'cate'; did you mean 'att'?",
        ),
    ],
)
def test_what_is_wrong_is_said(source, said):
    assert said in "\n".join(problems(source))


def test_a_config_must_be_a_mapping(tmp_path):
    assert "must be a mapping of sections" in problems(written(tmp_path, "- a\n- b\n"))[0]


def test_knowledge_is_read_from_beside_the_config(tmp_path):
    written(tmp_path, "tiers: [[season], [mailer, price], [bought]]\nforbidden: [[price, mailer]]\n", "known.yaml")
    config = load(written(tmp_path, "data: log\nestimate: robust\nknowledge: known.yaml\n"))
    assert config.knowledge["tiers"] == {"season": 0, "mailer": 1, "price": 1, "bought": 2}
    known = read_knowledge(config.knowledge)
    assert known.forbidden == {("price", "mailer")}
    assert known.source == "known.yaml"


def test_a_problem_in_the_knowledge_file_says_its_line(tmp_path):
    written(tmp_path, "tiers:\n  a: 0\n  a: 1\n", "known.yaml")
    told = problems(written(tmp_path, "data: log\nestimate: robust\nknowledge: known.yaml\n"))
    assert told == ["known.yaml:3  tiers.a: written twice, on lines 2 and 3; keep one"]


def test_knowledge_that_contradicts_itself_is_refused():
    with pytest.raises(ConfigError, match="ruled out"):
        read_knowledge({"tiers": {"a": 1, "b": 0}, "required": [["a", "b"]]})


def test_the_hash_says_what_is_done_and_not_what_it_is_called(tmp_path):
    base = load(MINIMAL)
    assert len(base.hash) == 12
    assert load({"estimate": "robust", "data": {"use": "log", "params": {}}, "seed": 0}).hash == base.hash
    assert load({**MINIMAL, "name": "other"}).hash == base.hash
    assert load({**MINIMAL, "seed": 1}).hash != base.hash
    assert load(MINIMAL, "estimate.item.params.folds=6").hash != base.hash
    assert load(written(tmp_path, "data: log\nestimate: robust\n")).hash == base.hash


def test_a_file_gives_the_run_its_name(tmp_path):
    assert load(written(tmp_path, "data: log\nestimate: robust\n")).name == "shop"


def test_a_config_is_frozen():
    config = load(MINIMAL)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.seed = 3
    with pytest.raises(ValueError, match="frozen"):
        config.split.weeks = 3


def test_a_file_that_is_not_there_offers_the_nearest(tmp_path):
    written(tmp_path, "data: log\n")
    with pytest.raises(UsageError, match=r"did you mean 'shop.yaml'"):
        load(tmp_path / "shp.yaml")
    with pytest.raises(UsageError, match="did you mean 'quickstart'"):
        load("quickstrat")
    with pytest.raises(UsageError, match="is a folder"):
        load(tmp_path)


def test_every_key_of_a_config_has_help():
    rows = describe_config()
    assert {row.key.partition(".")[0] for row in rows} == set(Config.sections)
    assert all(row.help and row.default for row in rows)


def test_values_that_yaml_cannot_hold_are_refused():
    told = problems({**MINIMAL, "data": {"use": "log", "params": {"extra": object()}}})
    assert "data.params.extra" in told[0]
    assert "a config holds plain values only" in told[0]


def test_text_in_the_environment_is_not_asked_for_mappings():
    config = load({**MINIMAL, "name": "${HOME}"}, environment={"HOME": "x"})
    assert config.name == "${HOME}"
