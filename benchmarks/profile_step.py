"""Where the time of a step goes: samples of a training process by Linux's perf, sorted into a few parts.

    python benchmarks/profile_step.py [CASE ...] [--seconds 10]

Takes the cases of benchmarks/throughput.py. *products* are matrix products and convolutions of MKL and oneDNN, *fused*
what Inductor generated, *other kernels* the rest of PyTorch's, *layout* its copies and fills, *memory* page faults and
the allocator. Writes benchmarks/results/profile.csv, the shares of each case in percent.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from kept import keep
from throughput import CASES, images_of, pack_of

from ganbench import stepping
from ganbench.allocator import keep_freed_memory

OUT = Path(__file__).parent / "results" / "profile.csv"
PARTS = (  # the first that matches "library symbol"
    ("products", r"mkl_|dnnl|\[JIT\]|gemm"),
    ("fused", r"wrapper\.so"),
    ("memory", r"\[kernel|\[k\]|libc\.so|malloc"),
    ("layout", r"copy_kernel|fill_kernel|transpose"),
    ("interpreter", r"python"),
    ("other kernels", r""),
)
CHILD = "--child"


def train(name: str) -> None:
    """Train until killed; says when the step is prepared."""
    torch.set_num_threads(1)
    stepping.TRACE_AFTER = 2
    keep_freed_memory()
    pack = pack_of(CASES[name], *images_of(CASES[name]))
    for _ in range(20):  # some rounds of critic and generator
        pack.advance()
    print("ready", flush=True)
    while True:
        pack.advance()


def shares(name: str, seconds: float) -> dict[str, float]:
    command = [sys.executable, __file__, CHILD, name]
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(1.0)
            samples = Path(folder) / "perf.data"
            record = ["perf", "record", "-q", "-F", "499", "-o", str(samples), "-p", str(child.pid)]
            subprocess.run([*record, "--", "sleep", str(seconds)], check=True, capture_output=True)
        finally:
            child.kill()
        report = ["perf", "report", "-i", str(samples), "--stdio", "--no-children", "--sort", "dso,symbol"]
        text = subprocess.run(report, check=True, capture_output=True, text=True).stdout
    found = dict.fromkeys((part for part, _ in PARTS), 0.0)
    for line in text.splitlines():
        if match := re.match(r"\s+([\d.]+)%\s+(.*)", line):
            part = next(part for part, pattern in PARTS if re.search(pattern, match[2]))
            found[part] += float(match[1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument(CHILD, metavar="CASE", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        train(given.child)
    for name in given.cases or ("ring_ns", "polygons_c16", "polygons_c64", "polygons_c64_bf16"):
        found = shares(name, given.seconds)
        parts = {part: f"{share:.1f}" for part, share in found.items()}
        command = f"python benchmarks/profile_step.py {name} --seconds {given.seconds}"
        keep(OUT, {"case": name, **parts, "command": command}, order=CASES)
        print(f"case={name}", *(f"{part}={share}" for part, share in parts.items()), flush=True)


if __name__ == "__main__":
    main()
