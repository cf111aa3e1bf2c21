from itertools import pairwise

import numpy as np
import pytest

from causalkit.reporting.layering import PLACEHOLDER_WIDTH, _crossings, layered


def laid(names, edges, tiers=None, **options):
    return layered(names, edges, tiers or {}, dict.fromkeys(names, 100.0), **options)


def random_graph(seed, n=12, tiers=4):
    rng = np.random.default_rng(seed)
    names = [f"v{i}" for i in range(n)]
    tier = {name: int(t) for name, t in zip(names, np.sort(rng.integers(0, tiers, n)), strict=True)}
    edges = [(names[i], names[j]) for i in range(n) for j in range(i + 1, n) if rng.random() < 0.25]
    return names, edges, tier


@pytest.mark.parametrize("seed", range(6))
def test_causes_stand_above_their_effects_and_tiers_in_order(seed):
    names, edges, tier = random_graph(seed)
    layout = laid(names, edges, tier)
    assert all(layout.layer[a] < layout.layer[b] for a, b in edges)
    assert not layout.flipped
    for a in names:
        for b in names:
            assert tier[a] >= tier[b] or layout.layer[a] < layout.layer[b]


@pytest.mark.parametrize("seed", range(6))
def test_boxes_never_overlap_and_all_fit_the_width(seed):
    names, edges, tier = random_graph(seed)
    layout = laid(names, edges, tier, gap=18)
    for row in layout.order:
        for a, b in pairwise(row):
            widths = [100.0 if isinstance(k, str) else PLACEHOLDER_WIDTH for k in (a, b)]
            assert layout.centre[b] - layout.centre[a] >= sum(widths) / 2 + 18 - 1e-6
    inside = [layout.centre[name] for name in names]
    assert min(inside) >= 50 - 1e-6
    assert max(inside) <= layout.width - 50 + 1e-6


def test_an_edge_over_several_layers_passes_each_of_them():
    layout = laid(["a", "b", "c"], [("a", "b"), ("b", "c"), ("a", "c")])
    assert [k for _, k in layout.routes[2]] == [0, 1, 2]
    assert layout.routes[2][1][0] != layout.centre["b"]


def test_a_graph_that_can_be_drawn_without_crossings_is():
    names = [*"abcdef"]
    layout = laid(names, [("a", "f"), ("b", "e"), ("c", "d")], dict.fromkeys("abc", 0) | dict.fromkeys("def", 1))
    links = [(a, b) for a, b in layout.ends]
    assert _crossings(layout.order, links) == 0


def test_an_edge_against_the_tiers_or_in_a_cycle_is_drawn_from_below():
    against = laid(["late", "early"], [("late", "early")], {"late": 1, "early": 0})
    assert against.flipped == {0}
    assert against.ends == [("early", "late")]
    cycle = laid([*"abc"], [("a", "b"), ("b", "c"), ("c", "a")])
    assert len(cycle.flipped) == 1
    assert sorted(cycle.layer.values()) == [0, 1, 2]


def test_a_full_layer_goes_on_in_the_next_row_of_its_tier():
    names = [f"v{i}" for i in range(12)]
    layout = laid(names, [], dict.fromkeys(names, 0), per_layer=5)
    assert [len(row) for row in layout.order] == [5, 5, 2]
    assert layout.bands == [(0, 0, 2)]


def test_a_node_without_a_tier_takes_it_from_its_causes():
    layout = laid(["a", "b", "x"], [("b", "x")], {"a": 0, "b": 3})
    assert layout.bands == [(0, 0, 0), (3, 1, 2)]
    assert layout.layer["x"] == 2


def test_no_nodes_and_no_edges():
    assert laid([], []).width == 0
    assert laid(["alone"], []).layer == {"alone": 0}
