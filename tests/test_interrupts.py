"""Interruptions that wait until foreign code has returned."""

from __future__ import annotations

import io
import os
import signal
import threading

import pytest
import soundfile

from asc import interrupts
from asc.audio import source
from asc.features import read_audio


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_takes_effect_after_the_block(number):
    before = signal.signal(number, signal.default_int_handler)
    steps = []
    try:
        with pytest.raises(KeyboardInterrupt):
            with interrupts.postponed():
                os.kill(os.getpid(), number)
                steps.append("inside")
            steps.append("after")
        assert steps == ["inside"]
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)


def test_an_error_in_the_block_is_raised():
    with pytest.raises(ValueError, match="mine"):
        with interrupts.postponed():
            raise ValueError("mine")


def test_signals_that_are_ignored_stay_so():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts.postponed():
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_are_left_alone():
    entered = []

    def run():
        with interrupts.postponed():
            entered.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert entered == [signal.getsignal(signal.SIGINT)]


def test_an_interruption_is_never_a_fault_of_the_file(tmp_path, noise, monkeypatch):
    """It comes while libsndfile calls back, and would be lost in there."""
    path = tmp_path / "clip.flac"
    soundfile.write(path, noise(44100, 44100, 0), 44100)

    class Interrupting(io.BytesIO):
        def readinto(self, buffer):
            os.kill(os.getpid(), signal.SIGINT)
            return super().readinto(buffer)

    monkeypatch.setattr(source, "_Memory", Interrupting)
    with pytest.raises(KeyboardInterrupt):
        read_audio(path)
