"""What decides the last bits of a run: processor, its instructions, and the version of torch.

python tests/reference/machine.py
"""

from __future__ import annotations

import hashlib
import json
import platform
from pathlib import Path

import torch

CPUINFO = Path("/proc/cpuinfo")


def machine() -> dict[str, str]:
    """Return a fingerprint of this machine."""
    text = CPUINFO.read_text(encoding="utf-8") if CPUINFO.exists() else f"flags : {platform.processor()}"
    fields = dict(map(str.strip, line.split(":", 1)) for line in text.splitlines() if ":" in line)
    flags = " ".join(sorted(fields.get("flags", fields.get("Features", "")).split()))
    return {
        "processor": fields.get("model name", platform.processor()),
        "family": f"{fields.get('cpu family', '')}/{fields.get('model', '')}",
        "instructions": hashlib.sha256(flags.encode()).hexdigest()[:16],
        "torch": torch.__version__,
    }


if __name__ == "__main__":
    print(json.dumps(machine(), indent=1))
