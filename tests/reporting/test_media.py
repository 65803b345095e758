"""Audio that becomes part of a page, and the files of its figures."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import soundfile

import asc
from asc import plots
from asc.errors import UsageError
from asc.reporting import media
from asc.reporting.gallery import gallery_section
from asc.reporting.media import Media, audio_uri


@pytest.mark.parametrize("rate", [44100, 44056, 96000])
def test_audio_is_what_the_clip_sounds_like(rate):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate).astype(np.float32)
    head, _, data = audio_uri(tone, rate).partition(",")
    assert head == "data:audio/mpeg;base64"
    samples, sample_rate = soundfile.read(io.BytesIO(base64.b64decode(data)))
    assert len(samples) / sample_rate == pytest.approx(1, abs=0.06)
    middle = samples[sample_rate // 4 : sample_rate // 4 + sample_rate // 2]
    spectrum = np.abs(np.fft.rfft(middle))
    assert spectrum.argmax() == 220  # cycles of 440 Hz in half a second
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.02)
    assert len(data) < 60_000


def test_long_audio_is_cut():
    silence = np.zeros(100 * 8000, np.float32)
    data = audio_uri(silence, 8000).partition(",")[2]
    assert soundfile.info(io.BytesIO(base64.b64decode(data))).duration < 31


def test_links_in_a_loop_are_audio_that_cannot_be_read(store, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    assert Media(tmp_path).samples(store, "loop/a.wav") is None


def test_a_page_has_no_more_audio_than_it_may(store, few_clips, monkeypatch):
    found = Media(few_clips, players=True)
    samples = found.samples(store, store.paths()[0])
    one = len(found.player(store, samples))
    monkeypatch.setattr(media, "_MAX_BYTES", 2 * one + 10)
    found = Media(few_clips, players=True)
    players = [found.player(store, samples) for _ in range(4)]
    assert [player is not None for player in players] == [True, True, False, False]
    assert found.left_out == 2
    assert Media(few_clips).player(store, samples) is None
    gallery = gallery_section([store], Media(few_clips, players=True))
    assert [clip["player"] is not None for clip in gallery["clips"]].count(True) == 2
    assert gallery["left_out"] == 2


def test_players_need_audio(runs, tmp_path):
    with pytest.raises(UsageError, match="--audio"):
        asc.report(runs / "leaky", tmp_path / "report.html", players=True)
    assert not (tmp_path / "report.html").exists()


def test_figures_have_names_of_their_own_in_their_folder(tmp_path):
    folder = tmp_path / "new" / "figures"
    found = Media(figures=folder, figure_format="svg")
    for name in ("a", "A", "../a", "/etc/x", "...", "\u202e" * 300, "b" * 300):
        found.embed(plots.curve_figure({"loss": [1.0, 0.5]}, "loss"), name, alt="x")
    names = sorted(file.name for file in folder.iterdir())
    assert len(names) == found.written == 7
    assert all(len(name) < 100 and name.endswith(".svg") for name in names)
    assert {"a.svg", "A-2.svg", "etc_x.svg"} < {*names}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new"]


@pytest.mark.parametrize("kind, start", [("pdf", b"%PDF"), ("png", b"\x89PNG")])
def test_formats_of_figures(tmp_path, kind, start):
    found = Media(figures=tmp_path, figure_format=kind)
    found.embed(plots.curve_figure({"loss": [1.0]}, "loss"), "loss", alt="x")
    assert (tmp_path / f"loss.{kind}").read_bytes().startswith(start)


def test_an_unknown_format(runs, tmp_path):
    with pytest.raises(UsageError, match="figure_format"):
        asc.report(runs / "leaky", tmp_path / "page.html", figure_format="bmp")


def test_a_file_in_place_of_the_folder_of_figures(tmp_path):
    (tmp_path / "figures").write_text("precious")
    with pytest.raises(UsageError, match="not a folder for figures"):
        Media(figures=tmp_path / "figures")
