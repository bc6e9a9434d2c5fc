"""Which trials share a pack."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganbench.identity import signature, training_config, trial_id
from ganbench.packing import Chooser, Mode, Setting, lanes_for, pack_settings
from ganbench.records import Pack, Trial

REPEATABLE = settings(max_examples=150, deadline=None, derandomize=True)
MODE = Mode(size=4, mode="vmap", threads=1)


def always(mode: Mode) -> Chooser:
    return lambda _, __: mode


Plan = tuple[list[Trial], list[Pack]]


def config(lr: float = 1e-3, width: int = 8, steps: int = 40, precision: str = "float32") -> dict[str, Any]:
    """Return the little of a resolved config that identity reads: `lr` batches, the rest is structure."""
    optimizer = {"_target_": "ganbench.optimizers.adam.Adam", "lr": lr}
    generator = {"_target_": "ganbench.networks.mlp.Generator", "hidden": width}
    procedure = {"_target_": "ganbench.procedures.x.Y", "optimizer": optimizer, "generator": generator}
    return {
        "model": {"procedure": procedure},
        "dataset": {"n_train": 10},
        "budget": {"steps": steps},
        "precision": precision,
    }


def setting(
    index: int, *, lr: float = 1e-3, width: int = 8, seed: int = 0, variant: str = "ns_gan"
) -> Setting:
    return Setting(
        variant={"model": variant, "dataset": "ring"},
        stage="search",
        index=index,
        seed=seed,
        is_default=index == 0,
        params={"model.lr": lr},
        resolved=config(lr, width),
    )


def seeds(n: int, first: int = 0) -> list[Setting]:
    """Return n distinct settings of one signature."""
    return [setting(first + i, seed=first + i) for i in range(n)]


def identity_of(s: Setting) -> str:
    return trial_id(training_config(s.resolved), s.seed)


def places(trials: list[Trial]) -> dict[str, tuple[str, int]]:
    return {t.trial_id: (t.pack_id, t.lane) for t in trials}


def sizes(plan: Plan) -> list[tuple[int, int]]:
    """Return members and lanes of each pack."""
    return [(len(pack.trial_ids), pack.lanes) for pack in plan[1]]


@pytest.mark.parametrize(
    ("trials", "lanes"), [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (8, 8), (9, 16), (17, 32)]
)
def test_lanes_are_the_next_power_of_two(trials: int, lanes: int) -> None:
    assert lanes_for(trials) == lanes


@pytest.mark.parametrize(
    ("trials", "size", "expected"),
    [
        (1, 1, [(1, 1)]),
        (3, 1, [(1, 1)] * 3),
        (1, 8, [(1, 1)]),
        (2, 8, [(2, 2)]),
        (3, 8, [(3, 4)]),
        (5, 8, [(5, 8)]),
        (8, 8, [(8, 8)]),
        (9, 4, [(4, 4), (4, 4), (1, 1)]),
        (11, 4, [(4, 4), (4, 4), (3, 4)]),
        (7, 3, [(2, 2), (2, 2), (2, 2), (1, 1)]),  # four lanes would exceed three
        (12, 12, [(8, 8), (4, 4)]),
        (0, 4, []),
    ],
)
def test_packs_are_filled_up_to_the_size(trials: int, size: int, expected: list[tuple[int, int]]) -> None:
    assert sizes(pack_settings(seeds(trials), always(replace(MODE, size=size)), {})) == expected


def test_a_pack_says_how_it_runs() -> None:
    mode = Mode(size=2, mode="unbatched", threads=3)
    drawn = [replace(s, stage="rerun", resolved=config(precision="float64")) for s in seeds(2)]
    _, (pack,) = pack_settings(drawn, always(mode), {})
    assert (pack.lanes, pack.mode, pack.threads, pack.precision) == (2, "unbatched", 3, "float64")
    assert pack.stage == "rerun"
    assert pack.variant == {"model": "ns_gan", "dataset": "ring"}
    assert pack.trial_ids == tuple(identity_of(s) for s in drawn)


def test_every_setting_is_a_line_that_tells_its_lane() -> None:
    drawn = [setting(3, lr=0.1, seed=7), setting(0, lr=0.2, seed=8)]
    trials, (pack,) = pack_settings(drawn, always(MODE), {})
    for lane, (trial, s) in enumerate(zip(trials, drawn, strict=True)):
        assert trial == Trial(
            identity_of(s), s.variant, "search", s.index, s.seed, s.is_default, s.params, pack.pack_id, lane
        )


def test_order_is_that_of_the_settings() -> None:
    """Members keep their order, packs that of their first members, lines that of the draws."""
    drawn = [setting(i, lr=0.1 + i, width=width) for i, width in enumerate([16, 8, 16, 8, 8, 32])]
    trials, packs = pack_settings(drawn, always(MODE), {})
    names = [identity_of(s) for s in drawn]
    assert [t.trial_id for t in trials] == names
    assert [p.trial_ids for p in packs] == [
        (names[0], names[2]),
        (names[1], names[3], names[4]),
        (names[5],),
    ]


def test_equal_trials_train_once_and_count_as_often_as_drawn() -> None:
    drawn = [setting(0), setting(1, lr=0.5), setting(2), setting(3), setting(4, lr=0.5)]
    trials, (pack,) = pack_settings(drawn, always(MODE), {})
    assert len(pack.trial_ids) == pack.lanes == 2
    assert [t.lane for t in trials] == [0, 1, 0, 0, 1]
    assert [t.index for t in trials] == [0, 1, 2, 3, 4]
    assert {t.pack_id for t in trials} == {pack.pack_id}


def test_equal_trials_of_two_variants_train_once() -> None:
    drawn = [setting(0, variant="one"), setting(0, variant="two"), setting(1, variant="two", seed=1)]
    trials, packs = pack_settings(drawn, always(MODE), {})
    assert [p.variant["model"] for p in packs] == ["one", "two"]
    assert [t.variant["model"] for t in trials] == ["one", "two", "two"]
    assert trials[0].trial_id == trials[1].trial_id
    assert [t.pack_id for t in trials] == [packs[0].pack_id, packs[0].pack_id, packs[1].pack_id]


def test_known_trials_are_not_planned_again() -> None:
    first, packs = pack_settings(seeds(3), always(MODE), {})
    known = places(first)
    before = dict(known)
    again, more = pack_settings(seeds(6), always(MODE), known)
    assert known == before
    assert again[:3] == first
    assert [p.trial_ids for p in more] == [tuple(t.trial_id for t in again[3:])]
    assert {p.pack_id for p in more}.isdisjoint(p.pack_id for p in packs)
    assert pack_settings(seeds(6), always(MODE), places(again)) == (again, [])


@pytest.mark.parametrize("other", [{"width": 16}, {"variant": "wgan"}])
def test_other_structure_and_other_variants_have_packs_of_their_own(other: dict[str, Any]) -> None:
    drawn = [setting(0), setting(1, seed=1, **other), setting(2, seed=2), setting(3, seed=3, **other)]
    _, packs = pack_settings(drawn, always(MODE), {})
    assert [p.trial_ids for p in packs] == [
        (identity_of(drawn[0]), identity_of(drawn[2])),
        (identity_of(drawn[1]), identity_of(drawn[3])),
    ]


@pytest.mark.parametrize("other", [{"steps": 41}, {"precision": "float64"}])
def test_budget_and_precision_part_packs(other: dict[str, Any]) -> None:
    drawn = [setting(0), replace(setting(1), resolved=config(**other))]
    assert sizes(pack_settings(drawn, always(MODE), {})) == [(1, 1), (1, 1)]


def test_floats_and_seeds_share_a_pack() -> None:
    drawn = [setting(i, lr=10.0**-i, seed=i) for i in range(4)]
    assert sizes(pack_settings(drawn, always(MODE), {})) == [(4, 4)]


def test_a_packs_id_never_changes() -> None:
    """A digest of members, lanes, mode, threads and precision: it names folders of committed sweeps."""
    _, (pack,) = pack_settings(seeds(3), always(MODE), {})
    assert pack.pack_id == "187200d5c2a0dd77"
    a, b, c = (identity_of(s) for s in seeds(3))
    text = f'[["{a}","{b}","{c}"],4,"vmap",1,"float32"]'
    assert pack.pack_id == hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@pytest.mark.parametrize(
    ("drawn", "mode"),
    [
        (seeds(2), MODE),
        (seeds(3, first=1), MODE),
        (list(reversed(seeds(3))), MODE),
        (seeds(3), replace(MODE, mode="unbatched")),
        (seeds(3), replace(MODE, threads=2)),
        ([replace(s, resolved=config(precision="float64")) for s in seeds(3)], MODE),
    ],
)
def test_what_decides_a_packs_last_bits_decides_its_id(drawn: list[Setting], mode: Mode) -> None:
    _, (usual,) = pack_settings(seeds(3), always(MODE), {})
    _, (other,) = pack_settings(drawn, always(mode), {})
    assert other.pack_id != usual.pack_id


def test_what_does_not_decide_them_does_not_decide_it() -> None:
    """A larger size that changes no pack, other indices, an iterator in place of a list."""
    _, usual = pack_settings(seeds(3), always(MODE), {})
    assert pack_settings(seeds(3), always(replace(MODE, size=8)), {})[1] == usual
    assert pack_settings((replace(s, index=9, params={}) for s in seeds(3)), always(MODE), {})[1] == usual


DRAWS = st.lists(
    st.builds(
        setting,
        st.integers(0, 99),
        lr=st.sampled_from([0.1, 0.2, 0.3]),
        width=st.sampled_from([8, 16]),
        seed=st.integers(0, 3),
        variant=st.sampled_from(["one", "two"]),
    ),
    max_size=40,
)


@REPEATABLE
@given(drawn=DRAWS, size=st.integers(1, 9), cut=st.integers(0, 40))
def test_a_plan_holds_together(drawn: list[Setting], size: int, cut: int) -> None:
    """Planned in two goes, as a sweep that is extended."""
    mode = replace(MODE, size=size)
    first, packs = pack_settings(drawn[:cut], always(mode), {})
    second, more = pack_settings(drawn[cut:], always(mode), places(first))
    trials, packs = first + second, packs + more
    by_id = {pack.pack_id: pack for pack in packs}
    assert len(by_id) == len(packs)
    assert Counter(i for pack in packs for i in pack.trial_ids) == Counter({identity_of(s) for s in drawn})
    for trial, s in zip(trials, drawn, strict=True):
        assert trial.trial_id == identity_of(s)
        assert (trial.variant, trial.index, trial.seed, trial.params) == (
            s.variant,
            s.index,
            s.seed,
            s.params,
        )
        assert by_id[trial.pack_id].trial_ids[trial.lane] == trial.trial_id
    first_drawn = {identity_of(s): s for s in reversed(drawn)}
    for pack in packs:
        members = [first_drawn[i] for i in pack.trial_ids]
        assert len({signature(training_config(s.resolved)) for s in members}) == 1
        assert [s.variant for s in members] == [pack.variant] * len(members)
        assert len(members) <= pack.lanes < 2 * len(members)
        assert pack.lanes <= size
        assert pack.lanes in (1, 2, 4, 8)
    assert pack_settings(drawn, always(mode), places(trials)) == (trials, [])
