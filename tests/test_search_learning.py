"""Samplers that learn: one setting at a time, equal to plain Optuna's on the same scores."""

from __future__ import annotations

import hashlib
import json
import time
from functools import cache
from typing import Any

import optuna
import pytest
from optuna.samplers import GPSampler, TPESampler

from ganbench.config import compose
from ganbench.errors import ConfigError
from ganbench.search import Draw, Seen, check_learning, draw, learns, propose, space

FEW = {"tpe": 4, "gp": 3}  # settings before a sampler begins to learn
PLAIN: dict[str, Any] = {
    "tpe": lambda seed: TPESampler(n_startup_trials=4, multivariate=True, seed=seed),
    "gp": lambda seed: GPSampler(n_startup_trials=3, seed=seed, warn_independent_sampling=False),
}


@cache  # nobody changes what it returns
def config(sampler: str, *overrides: str) -> dict[str, Any]:
    few = [f"sampler.n_startup_trials={FEW[sampler]}"] if sampler in FEW else []
    given = ["model=ns_gan", "dataset=ring", "space=wide", f"sampler={sampler}", *few, *overrides]
    return compose(given).config


def ask(node: dict[str, Any], history: list[Seen], **more: Any) -> Draw:
    rules = {"direction": "min", "variant_key": "model=ns_gan", "seed": 5, "default_first": True, **more}
    return propose(node, history, **rules)


def score(params: dict[str, Any]) -> float:
    """A valley whose floor lies at beta1 = 0.3, with one discriminator step."""
    return (params["model.beta1"] - 0.3) ** 2 + 0.1 * params["model.d_steps"] + params["model.lr"]


def seed(*address: Any) -> int:
    """The rule for a setting's seed, as documented."""
    digest = hashlib.blake2b(json.dumps(address).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % 2**32


def searched(node: dict[str, Any], trials: int, **more: Any) -> list[Draw]:
    """Search sequentially."""
    history: list[Seen] = []
    found = []
    for _ in range(trials):
        found.append(ask(node, history, **more))
        history.append(Seen(found[-1].params, score(found[-1].params)))
    return found


@pytest.mark.parametrize(
    ("sampler", "trials", "direction"), [("tpe", 20, "min"), ("tpe", 12, "max"), ("gp", 5, "min")]
)
def test_a_sequential_search_is_plain_optunas(sampler: str, trials: int, direction: str) -> None:
    node = config(sampler)
    ours = searched(node, trials, direction=direction)
    study = optuna.create_study(direction={"min": "minimize", "max": "maximize"}[direction])
    study.enqueue_trial(ours[0].params)  # the authors' default
    for index, one in enumerate(ours):
        study.sampler = PLAIN[sampler](seed(5, "model=ns_gan", index))
        trial = study.ask(space(node))
        assert one.params == trial.params
        assert one.index == trial.number
        study.tell(trial, score(trial.params))
    assert [one.is_default for one in ours] == [True] + [False] * (trials - 1)


def test_it_learns() -> None:
    late = searched(config("tpe"), 40)[25:]
    assert sum(one.params["model.d_steps"] == 1 for one in late) > 12
    assert sum(abs(one.params["model.beta1"] - 0.3) < 0.25 for one in late) > 10


def test_what_is_pending_is_known_to_the_sampler() -> None:
    node, ours = config("tpe"), searched(config("tpe"), 6)
    seen = [Seen(one.params, score(one.params)) for one in ours[:4]]
    pending = [Seen(one.params, pending=True) for one in ours[4:]]
    study = optuna.create_study()
    for one in ours:
        study.enqueue_trial(one.params)
    for index in range(6):
        trial = study.ask(space(node))
        if index < 4:
            study.tell(trial, score(trial.params))
    study.sampler = PLAIN["tpe"](seed(5, "model=ns_gan", 6))
    found = ask(node, [*seen, *pending]).params
    assert found == study.ask(space(node)).params
    assert found != ask(node, [*seen, *(Seen(one.params) for one in ours[4:])]).params


def test_failed_settings_keep_their_number_and_teach_nothing() -> None:
    node, ours = config("tpe"), searched(config("tpe"), 8)
    history = [Seen(one.params, score(one.params)) for one in ours]
    history[3] = Seen(history[3].params)
    study = optuna.create_study()
    for index, seen in enumerate(history):
        study.enqueue_trial(seen.params)
        state = {"state": optuna.trial.TrialState.FAIL} if index == 3 else {"values": seen.value}
        study.tell(study.ask(space(node)), **state)
    study.sampler = PLAIN["tpe"](seed(5, "model=ns_gan", 8))
    assert ask(node, history).params == study.ask(space(node)).params


def test_a_default_outside_the_space_teaches_nothing() -> None:
    node = config("tpe")
    outside = [Seen({"model.lr": 5.0, "model.beta1": 7.0}, -1e9), Seen({"model.lr": 1e-4}, pending=True)]
    others = [Seen(one.params, score(one.params)) for one in searched(node, 8)[1:]]
    alone = ask(node, [Seen({}), *others])
    assert [ask(node, [first, *others]) for first in outside] == [alone, alone]


def test_an_ask_depends_on_nothing_but_its_history() -> None:
    node, ours = config("tpe"), searched(config("tpe"), 9)
    history = [Seen(one.params, score(one.params)) for one in ours]
    assert ask(node, history[:8]) == ours[8]
    assert ask(node, history[:8], seed=6) != ours[8]
    assert ask(node, history[:8], variant_key="model=vae") != ours[8]
    assert ask(node, [*history[:7], Seen(history[7].params, -1e6)]) != ours[8]


def test_where_nothing_is_searched_all_are_defaults() -> None:
    assert ask(config("tpe", "space=fixed"), [Seen({}, 1.0)]) == Draw(1, {}, is_default=True)


@pytest.mark.parametrize(
    ("sampler", "expected"),
    [(name, False) for name in ("hashed", "random", "qmc", "grid", "replay_wide")]
    + [("tpe", True), ("gp", True)],
)
def test_who_learns(sampler: str, expected: bool) -> None:
    assert learns(config(sampler)) is expected


def test_of_an_unknown_sampler_learning_is_assumed() -> None:
    assert learns({**config("tpe"), "sampler": {"_target_": "optuna.samplers.BruteForceSampler"}})


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        ("NSGAIISampler", r"keeps notes of its own \(NSGAIISampler:generation\).*: choose tpe or gp"),
        ("CmaEsSampler", "cannot choose: .*cmaes"),
        ("BruteForceSampler", "cannot choose: .*step must be given"),
    ],
)
def test_a_sampler_that_cannot_be_restored_is_refused(sampler: str, message: str) -> None:
    node = {**config("tpe"), "sampler": {"_target_": f"optuna.samplers.{sampler}"}}
    with pytest.raises(ConfigError, match=message):
        check_learning(node, direction="min", variant_key="", seed=0, default_first=True)


def test_an_ask_after_a_thousand_settings_takes_a_moment() -> None:
    settings = draw(config("hashed"), variant_key="", trials=1000, seed=0, default_first=False)
    history = [Seen(one.params, score(one.params)) for one in settings]
    start = time.process_time()
    assert len(ask(config("tpe"), history).params) == 4
    assert time.process_time() - start < 5
