"""Faults 22 to 27 of configs, through the installed command: message, exit code, and what survives."""

from __future__ import annotations

import pytest

from tests.command import causalkit

GOOD = "data: simulated\nestimate: difference-in-means\nsplit: {by: random}\n"


@pytest.fixture
def write(tmp_path):
    def write(text, name="shop.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def refused(path, *options, **environment):
    """The message of a check that must fail with exit code 2, write nothing and leave the file as it is."""
    before, beside = path.read_bytes(), sorted(path.parent.iterdir())
    ended = causalkit("check", path.name, *options, cwd=path.parent, **environment)
    assert ended.code == 2, ended
    assert ended.out == ""
    assert "Traceback" not in ended.err
    assert path.read_bytes() == before
    assert sorted(path.parent.iterdir()) == beside
    return ended.err


def test_the_good_config_passes(write):
    ended = causalkit("check", write(GOOD))
    assert (ended.code, ended.err) == (0, "")
    assert "is valid" in ended.out


def test_fault_22_misspelt_keys_say_line_and_suggestion(write):
    told = refused(write("data: simulated\nestimate: {item: {use: aipw, params: {flods: 3}}}\nsplt: {by: random}\n"))
    assert told.startswith("shop.yaml has 2 problems:\n")
    assert "\n  shop.yaml:2  estimate.item.params.flods = 3: no such parameter; did you mean 'folds'?\n" in told
    assert "\n  shop.yaml:3  splt = {'by': 'random'}: no such key; did you mean 'split'?\n" in told
    assert "See `causalkit describe" in told


def test_fault_22_a_misspelt_component_says_line_and_suggestion(write):
    told = refused(write("data: simulatd\nestimate: aipw\n"))
    assert "shop.yaml:1  data = 'simulatd': no such dataset; did you mean 'simulated'?" in told


def test_fault_23_a_duplicate_key_says_both_lines(write):
    told = refused(write(GOOD + "seed: 1\nseed: 2\n"))
    assert "shop.yaml:5  seed: written twice, on lines 4 and 5; keep one" in told


def test_fault_24_an_alias_bomb_is_refused(write):
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]" for i in range(9)]
    assert "aliases: expand to" in refused(write("\n".join(lines)))


def test_fault_24_a_file_of_10_mb_is_refused(write):
    assert "larger than the 1,000,000 bytes that a config may have" in refused(write(GOOD + "#" * 10_000_000))


def test_fault_25_a_python_tag_is_refused_and_not_called(write, tmp_path):
    path = write(f"data: !!python/object/apply:os.mkdir ['{tmp_path / 'made'}']\nestimate: aipw\n")
    told = refused(path)
    assert "shop.yaml:1  data: the tag !!python/object/apply:os.mkdir is refused" in told
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("seed=abc", "-o  seed = 'abc': must be a valid integer"),
        ("split.weeks=[1, 2]", "-o  split.weeks = [1, 2]: must be a valid integer"),
        ("estimate=[1]", "-o  estimate = [1]: must be a mapping"),
        ("seed", "-o 'seed': must be key=value, such as -o estimate.item.params.folds=3"),
        ("seed=[1", "-o  not valid YAML"),
    ],
)
def test_fault_26_an_option_of_the_wrong_type(write, option, said):
    assert said in refused(write(GOOD), "-o", option)


def test_fault_26_a_variable_of_the_wrong_type(write):
    assert "CAUSALKIT__SEED  seed = 'abc': must be" in refused(write(GOOD), CAUSALKIT__SEED="abc")


def test_fault_27_an_undefined_environment_variable_says_its_line(write):
    told = refused(write(GOOD + "seed: ${NOT_SET_ANYWHERE}\n"))
    assert "shop.yaml:4  seed: the environment variable 'NOT_SET_ANYWHERE' is not set" in told
    defined = causalkit("check", write(GOOD + "seed: ${SEED_OF_MINE}\n"), "--json", SEED_OF_MINE="11")
    assert defined.json["config"]["seed"] == 11


def test_a_refused_config_under_json_is_one_document(write):
    ended = causalkit("check", write(GOOD + "sead: 1\n"), "--json")
    assert ended.code == 2
    document = ended.json
    assert (document["schema_version"], document["exit_code"]) == (1, 2)
    assert document["error"]["type"] == "ConfigError"
    assert document["error"]["problems"][0]["path"] == "sead"
    assert document["error"]["problems"][0]["where"].endswith("shop.yaml:4")
