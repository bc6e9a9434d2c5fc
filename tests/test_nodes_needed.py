from __future__ import annotations

from ganbench.config import compose, options
from ganbench.identity import TRAINING, training_config
from ganbench.nodes import needed, resolve

CONFIG = {
    "a": {"x": "${b.y}", "list": [{"deep": "${d}"}]},
    "b": {"y": "${c}"},
    "c": 1,
    "d": 2,
    "e": {"z": "${a}"},
}


def test_what_is_needed_is_what_references_reach() -> None:
    found = needed(CONFIG, ["a"])
    assert found == {name: CONFIG[name] for name in "abcd"}
    assert resolve(found) == {name: value for name, value in resolve(CONFIG).items() if name != "e"}
    assert needed(CONFIG, ["e"]) == CONFIG


def test_a_trial_is_the_same_whether_all_is_resolved_or_what_is_needed() -> None:
    for model in options("model"):
        config = compose([f"model={model}", "dataset=polygons", "space=wide"]).config
        part = needed(config, {"model", *TRAINING[1:]})
        assert "protocol" not in part
        assert training_config(resolve(part)) == training_config(resolve(config))
