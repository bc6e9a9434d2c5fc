from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from ganbench.launch.signals import StopFlag


@pytest.fixture(autouse=True)
def _handlers_are_left_as_they_were() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR2, signal.SIGINT)}
    yield
    assert {number: signal.getsignal(number) for number in before} == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR2])
def test_a_signal_only_raises_a_flag(number: signal.Signals) -> None:
    with StopFlag(signal.SIGTERM, signal.SIGUSR2) as stop:
        assert not stop()
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)  # senders repeat themselves
        assert stop()
        assert stop.received == number


@pytest.mark.parametrize(
    ("sent", "requeue"),
    [
        ([signal.SIGUSR2], True),
        ([signal.SIGTERM], False),
        ([signal.SIGUSR2, signal.SIGTERM], False),
        ([signal.SIGTERM, signal.SIGUSR2], False),
        ([], False),
    ],
)
def test_only_usr2_asks_for_another_run(sent: list[signal.Signals], requeue: bool) -> None:
    with StopFlag(signal.SIGTERM, signal.SIGUSR2) as stop:
        for number in sent:
            os.kill(os.getpid(), number)
    assert stop.requeue is requeue


def test_what_came_is_raised_where_it_is_safe() -> None:
    with StopFlag(signal.SIGINT, signal.SIGTERM) as stop:
        stop.raise_received("nothing came")
        os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match="how to continue"):
        stop.raise_received("how to continue")
    with StopFlag(signal.SIGINT, signal.SIGTERM) as stop:
        os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(SystemExit) as caught:
        stop.raise_received("")
    assert caught.value.code == 143


def test_a_second_ctrl_c_insists() -> None:
    with StopFlag(signal.SIGINT) as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_forked_children_ignore_the_signals() -> None:
    with StopFlag(signal.SIGTERM) as stop:
        child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(9 if stop() else 7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert not stop()


def test_outside_of_the_main_thread_there_is_just_no_flag() -> None:
    answers: list[bool] = []

    def ask() -> None:
        with StopFlag(signal.SIGTERM) as stop:
            answers.append(stop())

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert answers == [False]
