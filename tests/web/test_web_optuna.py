"""The exported studies in optuna-dashboard, served over HTTP to a real browser."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from commands import ganbench
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

ROOT = Path(__file__).resolve().parents[2]
SERVE = "from optuna_dashboard._cli import main; main()"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard of the committed sweep, on a free port."""
    path = tmp_path_factory.mktemp("journal") / "fashion.journal"
    assert (
        ganbench("export", "fashion_small", "optuna", "--results", ROOT / "results", "--to", path).code == 0
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [path, "--storage-class", "JournalFileStorage", "--host", "127.0.0.1", "--port", port]
    process = subprocess.Popen([sys.executable, "-c", SERVE, *map(str, words)])
    try:
        yield served(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait()


def served(address: str) -> str:
    for _ in range(300):
        try:
            with urlopen(address) as page:  # the dashboard started here
                assert page.status == 200
                return address
        except URLError:
            time.sleep(0.2)
    raise AssertionError(f"nothing answers at {address}")


def shown(driver: Chrome, text: str) -> str:
    """Wait until a page shows a text; return all of its text."""
    wait = WebDriverWait(driver, 60)
    wait.until(lambda d: text in d.find_element(By.TAG_NAME, "body").text, message=text)
    return driver.find_element(By.TAG_NAME, "body").text


def test_the_dashboard_shows_every_study_and_trial(chromium: Chrome, address: str) -> None:
    chromium.get(f"{address}/dashboard")
    page = shown(chromium, "fashion_small: model=vae")
    assert page.count("fashion_small: model=") == 8
    chromium.get(f"{address}/dashboard/studies/0/trials")
    trials = shown(chromium, "Trial 10")
    assert [f"Trial {n}" in trials for n in range(12)] == [True] * 11 + [False]
    assert "11 Trials\n" in trials
    assert all(f"Trial {n}\nComplete\n" in trials for n in range(11))
