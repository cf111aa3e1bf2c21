"""What is known beforehand, as it is written: rules, triples of a knowledge graph, several sources."""

from __future__ import annotations

import pytest

from causalkit.config import load_config, read_knowledge
from causalkit.errors import ConfigError

NAMES = ("age", "household_size", "mailer", "price", "bought")


def known(text, tmp_path, names=NAMES):
    file = tmp_path / "known.yaml"
    file.write_text(text, encoding="utf-8")
    return read_knowledge(file, names)


def test_nothing_causes_a_group_but_its_own_members(tmp_path):
    made = known(
        "groups: {demographics: [age, household_*]}\nrules: [nothing causes demographics]\nsource: Ann\n", tmp_path
    )
    others = {"mailer", "price", "bought"}
    assert made.forbidden == {(cause, effect) for cause in others for effect in ("age", "household_size")}
    assert made.because("price", "age") == "nothing causes demographics (Ann)"


def test_rules_of_every_form(tmp_path):
    made = known("rules: [bought causes nothing, 'price, age do not cause mailer']", tmp_path)
    assert {("bought", name) for name in NAMES if name != "bought"} <= made.forbidden
    assert {("price", "mailer"), ("age", "mailer")} <= made.forbidden
    assert ("mailer", "price") not in made.forbidden


def test_what_is_said_of_one_edge_goes_before_a_rule(tmp_path):
    made = known("required: [mailer -> age]\nrules: [nothing causes age]", tmp_path)
    assert ("mailer", "age") in made.required
    assert ("mailer", "age") not in made.forbidden


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules: [nothing causes demografics]", "'demografics' is no variable"),
        ("rules: [agee causes nothing]", "did you mean 'age'"),
        ("rules: [age is old]", "write `nothing causes X, Y`"),
        ("rules: [nothing causes nothing]", "write `nothing causes X, Y`"),
        ("groups: {a: 3}", "must be a list of variables"),
        ("triples: graph.csv", "must be {file: graph.csv"),
        ("triples: {file: gone.csv}", "cannot be read"),
        ("required: [{edge: a -> b, whom: Ann}]", "no such key; did you mean 'who'"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said.replace("{", r"\{")):
        known(text, tmp_path)


TRIPLES = """subject,relation,object
Mailer,causes,bought
price,causes,bought
moon,causes,tide
age,precedes,bought
price,"does not cause",age
bought,likes,price
"""


def triples(tmp_path, more=""):
    (tmp_path / "graph.csv").write_text(TRIPLES)
    relations = "{causes: required, precedes: before, does not cause: forbidden}"
    text = f"triples: {{file: graph.csv, relations: {relations}, names: {{Mailer: mailer}}}}\n{more}"
    return known(text, tmp_path)


def test_triples_of_a_knowledge_graph(tmp_path):
    made = triples(tmp_path)
    assert made.required == {("mailer", "bought"), ("price", "bought")}
    assert made.forbidden == {("bought", "age"), ("price", "age")}
    assert made.because("mailer", "bought") == "Mailer causes bought (graph.csv)"
    assert made.notes == ("knowledge: 4 of 5 triples are about variables of this log",)


def test_triples_that_contradict_what_else_is_known_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="ruled out"):
        triples(tmp_path, "forbidden: [price -> bought]\n")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"a,b\n1,2\n", "its columns are a, b"),
        (b"subject,relation,object\na,likes,b\n", "none of its relations is causes"),
        (b"subject,relation,object\n\xff,causes,b\n", "no UTF-8"),
        (b"", "its columns are none"),
        (b"subject,relation,object\na\n,causes,b\nc,causes,d\n", ""),
    ],
)
def test_odd_files_of_triples(tmp_path, written, said):
    (tmp_path / "graph.csv").write_bytes(written)
    text = "triples: {file: graph.csv}"
    if not said:
        assert known(text, tmp_path).notes == ("knowledge: 0 of 1 triples are about variables of this log",)
        return
    with pytest.raises(ConfigError, match=said):
        known(text, tmp_path)


def test_several_sources_stand_together_each_edge_with_its_own(tmp_path):
    (tmp_path / "one.yaml").write_text("tiers: {age: 0}\nrequired: [age -> bought]\nsource: Ann\n")
    (tmp_path / "two.yaml").write_text("forbidden: [{edge: price -> age, who: Bob, why: age is given}]\n")
    config = tmp_path / "run.yaml"
    config.write_text("data: simulated\nestimate: difference-in-means\nknowledge: [one.yaml, two.yaml]\n")
    kept = load_config(config).knowledge
    made = read_knowledge(kept, NAMES)
    assert made.because("age", "bought") == "Ann"
    assert made.because("price", "age") == "Bob: age is given (two.yaml)"
    assert made.source == "Ann + two.yaml"
    assert read_knowledge(kept, NAMES) == made


def test_sources_that_contradict_each_other_are_refused(tmp_path):
    both = [{"tiers": {"age": 0}}, {"tiers": {"age": 1}, "required": [["a", "b"]]}, {"forbidden": [["a", "b"]]}]
    config = {"data": "simulated", "estimate": "difference-in-means", "knowledge": both}
    with pytest.raises(ConfigError) as told:
        load_config(config)
    assert "0 in one section, 1 in another" in str(told.value)
    assert "required, and also ruled out" in str(told.value)


@pytest.mark.parametrize(
    "text",
    [
        "tiers: [[price], [bought]]\nrequired: [bought -> price]\n",
        "tiers: [[price], [bought]]\nreviewed_by: Ann\nedges:\n- {edge: bought -> price, decide: keep, why: known}\n",
    ],
)
@pytest.mark.parametrize("several", [False, True])
def test_a_contradiction_says_in_which_file_the_edge_is_required(tmp_path, text, several):
    from causalkit.config.knowledge import knowledge_section
    from causalkit.config.strict_yaml import parse_yaml

    (tmp_path / "mine.yaml").write_text(text)
    problems = []
    written = parse_yaml(b"- {source: me}\n- mine.yaml" if several else b"mine.yaml", "config.yaml")
    knowledge_section(written, tmp_path, {}, problems)
    (problem,) = problems
    assert problem.where == f"mine.yaml:{2 if 'required' in text else 3}"
    assert "bought -> price: required, and also ruled out" in problem.message
