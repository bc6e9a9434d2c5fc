"""What `docs/own.md` tells a user to write and to type is written and typed here, in its order, in an empty folder."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import ganbench
from PIL import Image

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "own.md").read_text(encoding="utf-8")


def files() -> dict[str, str]:
    """Return each YAML of the page by the path that was last named before it."""
    found = {}
    for block in re.finditer(r"```yaml\n(.*?)```", PAGE, re.DOTALL):
        found[re.findall(r"`(my_conf/[\w/]+\.yaml)`", PAGE[: block.start()])[-1]] = block[1]
    return found


def test_the_page_s_walk_ends_in_a_comparison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path, text in files().items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text, encoding="utf-8")
    Path("pictures").mkdir()
    pixels = np.random.Generator(np.random.Philox(1)).integers(0, 256, (420, 30, 40), dtype=np.uint8)
    for number, picture in enumerate(pixels):
        Image.fromarray(picture).save(f"pictures/{number:04d}.png")
    blocks = re.findall(r"```bash\n(.*?)```", PAGE, flags=re.DOTALL)
    typed = [shlex.split(line) for block in blocks for line in block.splitlines()]
    assert [words[1] for words in typed] == ["train", "sweep", "sweep", "sweep", "report"]
    for words in typed:
        ran = ganbench(*words[1:], *(["--launcher", "inline"] if words[1] == "sweep" else []))
        assert ran.code == 0, (words, ran.err)
    pairs = pd.read_csv("results/compare/faces+faces_mine/tables/compare_pairs_faces.csv")
    assert set(pairs["b"]) == {"dragan of faces_mine"}
    assert len(set(pairs["a"])) == 3


def test_the_budgets_that_trials_reach_are_those_of_the_analysis() -> None:
    from ganbench.analysis.comparisons import HOLM_AT
    from ganbench.analysis.draws import reach

    for trials, said in re.findall(r"^\| (\d+) \| (.+) \|$", PAGE, flags=re.MULTILINE):
        reached = [k for k in HOLM_AT if reach(k, int(trials) - 1) != "none"]
        assert [int(k) for k in re.findall(r"\d+", said)] == reached
        fewer = [k for k in HOLM_AT if reach(k, int(trials) - 2) != "none"]
        assert reached == [1] or len(fewer) < len(reached)
