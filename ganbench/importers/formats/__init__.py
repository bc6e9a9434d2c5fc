"""How others write scores down: each module has `SAYS`, a line for the help, and `read(path, columns)`."""
