"""Runs made elsewhere, brought into a results folder. A format is a file under `formats/`. Torch-free."""
