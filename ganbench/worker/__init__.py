"""What runs inside a job."""

from ganbench.worker.slot import run_slot

__all__ = ["run_slot"]
