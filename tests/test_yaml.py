"""Strict YAML: what is read, what is refused, and where."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from causalkit.config.strict_yaml import MAX_BYTES, dump_yaml, from_python, parse_yaml
from causalkit.errors import ConfigError


def read(text, environment=None):
    return parse_yaml(text, "f.yaml", environment={} if environment is None else environment).plain()


def refused(text, environment=None):
    with pytest.raises(ConfigError) as caught:
        read(text, environment)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("1e-3", 0.001),
        ("1E5", 100000.0),
        (".5", 0.5),
        ("-.inf", -math.inf),
        ("12", 12),
        ("012", 12),
        ("0o17", 15),
        ("0x1f", 31),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("'7'", "7"),
        ("!!str 7", "7"),
        ("<<", "<<"),
    ],
)
def test_plain_scalars_are_those_of_yaml_1_2(text, value):
    read_value = read(f"a: {text}")["a"]
    assert read_value == value
    assert type(read_value) is type(value)


def test_nan_is_a_float():
    assert math.isnan(read("a: .nan")["a"])


def test_every_duplicate_key_is_told_with_both_lines():
    told = refused("a: 1\nb:\n  c: 2\n  c: 3\na: 2\n")
    assert "f.yaml:4  b.c: written twice, on lines 3 and 4" in told
    assert "f.yaml:5  a: written twice, on lines 1 and 5" in told


def test_keys_that_yaml_reads_as_the_same_value_are_duplicates():
    assert "written twice" in refused("1: a\n0x1: b\n")


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system ['true']", "!!python/name:os.system", "!mine x", "!!set {a}"]
)
def test_tags_are_refused_and_nothing_is_called(tag):
    told = refused(f"ok: 1\nbad: {tag}\n")
    assert "f.yaml:2  bad: the tag" in told
    assert "is refused" in told


def test_an_alias_bomb_is_refused_without_being_expanded():
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]" for i in range(9)]
    assert "aliases: expand to" in refused("\n".join(lines))


def test_an_alias_that_holds_itself_is_refused():
    assert "holds itself" in refused("a: &a [1, *a]")


def test_an_honest_alias_is_read():
    assert read("a: &x {k: 1}\nb: *x\n") == {"a": {"k": 1}, "b": {"k": 1}}


def test_a_file_above_the_cap_is_refused():
    assert "larger than the 1,000,000 bytes" in refused("#" * (MAX_BYTES + 1))
    assert read("a: 1\n" + "#" * (MAX_BYTES - 5)) == {"a": 1}


def test_nesting_too_deep_is_an_error_and_not_a_crash():
    assert "nested too deeply" in refused("[" * 50_000)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [1\nb: 2", "f.yaml:2  not valid YAML"),
        ("a: b: c", "f.yaml:1  not valid YAML"),
        ("\ta: 1", "f.yaml:1  not valid YAML"),
        ("a: 1\n---\nb: 2", "f.yaml:2  not valid YAML"),
        ("a: \x00", "not valid YAML"),
        (b"a: 1\nb: \xff\n", "f.yaml:2  the file: not UTF-8"),
        ("a: !!int x", "f.yaml:1  a = 'x': not a int"),
        ("[1]: 2", "a key must be one word"),
    ],
)
def test_what_is_not_yaml_says_where(text, told):
    assert told in refused(text)


def test_variables_are_read_from_the_environment():
    text = "a: ${N}\nb: '${N}'\nc: x-${N}-y\nd: $${N}\n${N}: k\n"
    assert read(text, {"N": "5"}) == {"a": 5, "b": "5", "c": "x-5-y", "d": "${N}", "${N}": "k"}


def test_every_undefined_variable_is_told_with_its_line():
    told = refused("a: ${X}\nb:\n  - ${Y}\n")
    assert "f.yaml:1  a: the environment variable 'X' is not set" in told
    assert "f.yaml:3  b.0: the environment variable 'Y' is not set" in told


def test_a_variable_can_add_no_structure():
    assert read("a: ${N}", {"N": "{b: 1}"}) == {"a": "{b: 1}"}


def test_places_are_kept():
    root = parse_yaml("a:\n  b: 1\n  c:\n    - x\n    - y\n", "f.yaml", environment={})
    assert root.at(("a", "b")) == "f.yaml:2"
    assert root.at(("a", "c", "1")) == "f.yaml:5"
    assert root.at(("a", "gone")) == "f.yaml:1"


def test_an_empty_file_is_an_empty_mapping():
    assert read("") == {}
    assert read("# only a comment\n") == {}


texts = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Co", "Cn")), max_size=12),
    st.sampled_from(["no", "1e-3", "${X}", "$${X}", "~", "", "0o7", "<<", "a: b", "- x", "#", "1_0", " x ", "null"]),
)
plain_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(texts, plain_values, max_size=4))
def test_what_is_written_is_read_back_here_and_by_others(value):
    text = dump_yaml(value)
    assert read(text) == value
    doubled = from_python(value).plain()
    assert doubled == value
    if "${" not in repr(value):
        assert yaml.safe_load(text) == value
