"""What one more trial in a pack costs in memory: peak resident sizes of processes that train packs of two sizes.

    python benchmarks/memory.py [CASE ...] [--lanes 8]

Each size is a process of its own that takes four steps; a trial's share is the difference to a pack of one over the
lanes added. `state` is what a trial keeps between steps: parameters, averages of the optimizers, buffers. Writes
benchmarks/results/memory.csv.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import torch
from kept import keep
from throughput import Case, images_of, pack_of

from ganbench.allocator import keep_freed_memory
from ganbench.tree import leaves

OUT = Path(__file__).parent / "results" / "memory.csv"
MIB = 2**20
CASES = {
    "ring_ns": Case("ns_gan", "mlp", 128, 1, "vmap"),
    "ring_wgan_gp": Case("wgan_gp", "mlp", 128, 1, "vmap"),
    "polygons_c8": Case("ns_gan", "study", 8, 1, "vmap"),
    "polygons_c16": Case("ns_gan", "study", 16, 1, "vmap"),
    "polygons_c64": Case("ns_gan", "study", 64, 1, "vmap"),
}


def trained(case: Case) -> dict[str, float]:
    """Train in this process; return its peak and a lane's state, in MiB."""
    torch.set_num_threads(1)
    keep_freed_memory()
    pack = pack_of(case, *images_of(case))
    for _ in range(4):
        pack.advance()
    state = sum(leaf.numel() * leaf.element_size() for leaf in leaves(pack.state)) / case.pack
    return {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "state": state / MIB}


def in_a_process(case: Case) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", json.dumps(vars(case))]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def measure(name: str, lanes: int) -> dict[str, object]:
    case = CASES[name]
    alone, together = (in_a_process(replace(case, pack=size)) for size in (1, lanes))
    return {
        "case": name,
        "network": case.network,
        "model": case.model,
        "width": case.width,
        "mode": case.mode,
        "pack": lanes,
        "alone_mib": f"{alone['peak']:.0f}",
        "peak_mib": f"{together['peak']:.0f}",
        "mib_per_trial": f"{(together['peak'] - alone['peak']) / (lanes - 1):.1f}",
        "state_mib": f"{alone['state']:.1f}",
        "command": f"python benchmarks/memory.py {name} --lanes {lanes}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"any of {', '.join(CASES)}")
    parser.add_argument("--lanes", type=int, default=8)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(trained(Case(**json.loads(given.child)))))
        return
    if unknown := set(given.cases) - set(CASES):
        parser.error(f"unknown case {min(unknown)!r}: choose any of {', '.join(CASES)}")
    for name in given.cases or CASES:
        new = measure(name, given.lanes)
        keep(OUT, new, order=CASES)
        print(*(f"{key}={value}" for key, value in new.items() if key != "command"), flush=True)


if __name__ == "__main__":
    main()
