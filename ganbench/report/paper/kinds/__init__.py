"""The kinds of exhibits: one module each, with `Settings` and `make(name, settings, shelf)`."""
