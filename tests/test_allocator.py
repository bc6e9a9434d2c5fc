"""Memory that is asked for again and again is not handed back in between."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import resource, sys, torch
from ganbench.allocator import keep_freed_memory
torch.set_num_threads(1)
if sys.argv[1] == "kept":
    assert keep_freed_memory()
def step():
    tensors = [torch.ones(5_000_000) for _ in range(6)]
step(), step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.parametrize(("how", "least", "most"), [("as it comes", 1000, 10**9), ("kept", 0, 50)])
def test_a_step_touches_no_fresh_pages(how: str, least: int, most: int) -> None:
    command = [sys.executable, "-c", CODE, how]
    faults = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert least <= faults <= most
