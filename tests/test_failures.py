"""Failed trials beside all planned ones: counts by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from ganbench.failures import crossed

PLANNED = pd.DataFrame(
    {
        "model": ["a", "a", "a", "a", "b", "b", "b", "b"],
        "lr": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
        "d_steps": [1, 1, 5, 5, 1, 1, 5, 5],
        "norm": [True, False, True, False, True, False, True, False],
        "same": ["x"] * 8,
        "only_a": [0.1, 0.2, 0.3, 0.4, None, None, None, None],
        "only_b": [None, None, None, None, 0.1, 0.2, 0.3, 0.4],
    }
)


def test_the_failed_are_set_beside_all_planned() -> None:
    failed = pd.Series([False, True, False, True, False, False, False, False])
    found = {row["name"]: row for row in crossed(PLANNED, failed, list(PLANNED))}
    assert list(found)[:2] == ["lr", "only_a"], (
        "two of the three from 2 to 4; of four with that norm or model"
    )
    assert found["lr"]["failed"] == {"min": 2.0, "median": 3.0, "max": 4.0}
    assert found["lr"]["planned"] == {"min": 1.0, "median": 4.5, "max": 8.0}
    assert found["lr"]["within"] == {"failed": 2, "planned": 3}
    assert found["model"]["failed"] == {"a": 2}
    assert found["model"]["planned"] == {"a": 4, "b": 4}
    assert found["model"]["within"] == {"failed": 2, "planned": 4}
    assert found["norm"]["failed"] == {"False": 2}
    assert found["norm"]["within"] == {"failed": 2, "planned": 4}
    assert found["d_steps"]["planned"] == {"1": 4, "5": 4}, "few numbers are told one by one"
    assert found["only_a"]["within"] == {"failed": 2, "planned": 3}, "of the four that have it"
    assert {"same", "only_b"}.isdisjoint(found), "nothing varies, or no failed line has it"


@pytest.mark.parametrize(("different", "each", "is_range"), [(6, 2, False), (7, 2, True), (3, 1, True)])
def test_a_few_values_that_repeat_are_told_one_by_one(different: int, each: int, is_range: bool) -> None:
    planned = pd.DataFrame({"size": [float(n) for n in range(different)] * each})
    (row,) = crossed(planned, planned["size"] >= 1, ["size"])
    assert ("min" in row["planned"]) is is_range
