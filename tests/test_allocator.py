"""Memory that is asked for again and again is not handed back in between."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import resource, torch
from ganbench.allocator import keep_freed_memory
torch.set_num_threads(1)
assert keep_freed_memory()
def step():
    tensors = [torch.ones(5_000_000) for _ in range(6)]
for _ in range(8):  # until the heap has grown to what steps need
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_steps_touch_no_fresh_pages() -> None:
    """30 000 a step where memory is handed back, which the C library's own rule does on most runs."""
    command = [sys.executable, "-c", CODE]
    faults = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert faults <= 500
