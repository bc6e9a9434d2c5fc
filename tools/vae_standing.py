"""What a VAE scores where its decoder's batch norm stands on latents of the prior, and where on those of the encoder.

The first is what ganbench does, the second what the decoder was trained with.
`python tools/vae_standing.py dataset=ring model.lr=0.005 model.beta1=0.5 --steps 4000` trains VAEs eagerly, one a seed,
and prints each metric under both; docs/findings.md has what it said.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import torch
from torch.nn.functional import softplus

from ganbench.batches import as_float
from ganbench.config import compose
from ganbench.functional import functional
from ganbench.instantiation import instantiate
from ganbench.nodes import resolve
from ganbench.procedures.variational import Variational, VariationalState
from ganbench.rng import Rng
from ganbench.scoring import Fakes, Scorer
from ganbench.worker.bench import Bench, bench_of

CHUNK = 512


def trained(
    procedure: Variational, bench: Bench, rng: Rng, *, steps: int, batch_size: int
) -> VariationalState:
    """Train one VAE step by step."""
    state = procedure.init(rng.fold("init"))
    train = bench.images.train
    for step in range(steps):
        at = rng.fold(f"step {step}")
        batch = as_float(train[at.permutation("batch", len(train))[:batch_size]])
        state, _ = procedure.step(state, batch, at, "dg")
    return state


def on_posterior(
    procedure: Variational, state: VariationalState, bench: Bench, rng: Rng, rules: Any
) -> Fakes:
    """Draw the protocol's fakes after standing statistics over latents of training images."""
    passes, size = rules["standing_passes"], rules["standing_batch"]
    order = rng.permutation("encoded", len(bench.images.train))[: passes * size]
    mean, raw = functional(procedure.encoder)(state.encoder, as_float(bench.images.train[order])).chunk(
        2, dim=1
    )
    latents = mean + (1e-6 + softplus(raw)) * rng.normal("posterior", tuple(mean.shape))
    settled = procedure.settle(state, latents.reshape(passes, size, -1))
    drawn = procedure.draw_latents(rng.fold("fake"), rules["n_fake"])
    return Fakes(torch.cat([procedure.sample(settled, z) for z in torch.split(drawn, CHUNK)]), settled)


def main() -> None:
    """Train, settle twice, score twice."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seeds", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    config = resolve(compose(["model=vae", *asked.overrides]).config)
    bench, procedure = bench_of(config), instantiate(config["model"]["procedure"])
    scorer: Scorer = bench.scorer
    for seed in range(1, asked.seeds + 1):
        rng = Rng.of(seed)
        state = trained(procedure, bench, rng, steps=asked.steps, batch_size=config["budget"]["batch_size"])
        with torch.no_grad():
            fakes = on_posterior(procedure, state, bench, rng, config["protocol"])
            prior, posterior = (
                scorer.score(scorer.generate(procedure, state), None),
                scorer.score(fakes, None),
            )
        for key, value in prior.items():
            sys.stdout.write(f"seed {seed}  {key:24} prior {value:10.5f}  posterior {posterior[key]:10.5f}\n")


if __name__ == "__main__":
    main()
