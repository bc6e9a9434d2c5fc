"""Where the cache lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganbench.files import called
from ganbench.places import cache_home


@pytest.mark.parametrize(
    ("own", "xdg", "found"),
    [
        ("/own", "/xdg", "/own"),
        ("", "/xdg", "/xdg/ganbench"),
        ("", "", "/home/somebody/.cache/ganbench"),
        ("", "relative", "/home/somebody/.cache/ganbench"),
    ],
)
def test_own_setting_then_xdg_then_home(
    own: str, xdg: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANBENCH_CACHE", own)
    monkeypatch.setenv("XDG_CACHE_HOME", xdg)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert cache_home() == Path(found)


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("results/a", "a"),
        ("my_results/a", "a --results my_results"),
        ("/x/my runs/a", "a --results '/x/my runs'"),
    ],
)
def test_a_command_names_the_folder_that_its_sweep_lies_in(folder: str, said: str) -> None:
    assert called(Path(folder)) == said
