"""The packaged example `shop`, smaller: its ranking by effect finds what was planted."""

import causalkit as ck


def test_ranking_by_effect_beats_popularity_and_naive_uplift_in_planted_effect(tmp_path):
    sizes = ["data.params.users=600", "data.params.items=50", "data.params.seed=1"]
    run = ck.run("shop", overrides=[*sizes, "evaluate=[cp@10]"], until="evaluate", runs_dir=tmp_path)
    caused = {m.of: m.value for m in run.measurements if m.name == "cp@10"}
    assert caused["uplift"] > caused["popularity"] + 0.02
    assert caused["uplift"] > caused["uplift on difference-in-means"] + 0.002
    cold = run.effects.item["status"] == "predicted"
    assert cold.sum() == 4
    assert run.effects.item.loc[cold, "effect"].notna().all()
