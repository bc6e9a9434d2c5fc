"""One file per probe; each has `TITLE` and `run(question, console)`."""
