"""Experiments that show what a metric sees and what it is blind to. A probe is a file under `kinds/`."""
