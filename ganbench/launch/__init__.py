"""Slots: what is submitted, here or to a cluster. Each claims packs until none is left or its time is up."""

from ganbench.launch.base import CONTINUE, Launched, batch_script, launch, launcher_settings

__all__ = ["CONTINUE", "Launched", "batch_script", "launch", "launcher_settings"]
