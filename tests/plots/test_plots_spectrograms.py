"""Spectrograms: what they show is what the store holds, on the right axes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
from pictures import HOSTILE, SCENES
from world import run_python

from asc import extraction, plots
from asc.corpus import open_corpus
from asc.errors import UsageError
from asc.features import FeatureSpec, drawing_of
from asc.plots.spectrogram_axes import row_ticks
from asc.store import FeatureStore

RATE = 32000


def sines(*frequencies, rate=RATE):
    """One second of a loud sine for each channel, with a little noise."""
    time = np.arange(rate) / rate
    noise = np.random.default_rng(0).normal(0, 1e-3, (rate, len(frequencies)))
    return 0.5 * np.sin(2 * np.pi * np.outer(time, frequencies)) + noise


def make_store(folder, clips, *, recordings=True, **settings):
    """Extract clips given as {(file name, scene): samples, or None if broken}."""
    folder.mkdir(exist_ok=True)
    lines = ["path\tlabel" + "\trecording" * recordings]
    for number, ((name, scene), samples) in enumerate(clips.items()):
        if samples is None:
            (folder / name).write_bytes(b"no audio")
        else:
            soundfile.write(folder / name, samples, RATE)
        lines.append(f"{name}\t{scene}" + f"\tsession {number}" * recordings)
    (folder / "clips.tsv").write_text("\n".join(lines) + "\n")
    settings = {"n_fft": 4096, "rows": 64, "columns": 48, "fmax": 16000.0} | settings
    plan = extraction.plan(
        open_corpus(folder / "clips.tsv"), folder / "store.h5", **settings
    )
    report = extraction.extract(plan, jobs=1, allow_failures=True)
    return FeatureStore(report.store)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(
        tmp_path_factory.mktemp("mono"),
        {
            ("low.wav", "office"): sines(250),
            ("tone.wav", "park"): sines(1000),
            ("high.wav", "office"): sines(6000),
            ("other.wav", "cafe/restaurant"): sines(3000),
        },
    )


@pytest.fixture(scope="module")
def midside(tmp_path_factory):
    return make_store(
        tmp_path_factory.mktemp("midside"),
        {("wide.wav", "park"): sines(500, 4000)},
        channels="midside",
    )


def panels(figure):
    """The axes of a figure that show a feature, not the colour bar."""
    return [axes for axes in figure.axes if axes.images]


def texts(figure):
    """Every text of a figure, drawn or not."""
    from matplotlib.text import Text

    return [text for text in figure.findobj(Text) if text.get_text()]


def words(figure):
    return "\n".join(text.get_text() for text in texts(figure))


def number(label):
    return float(label.get_text().replace("k", "e3"))


def stored(store, feature, row):
    return store.to_decibels(feature, store.features(feature)[row])


def size_of(path):
    """Width and height in the header of a .png file."""
    header = path.read_bytes()[16:24]
    return int.from_bytes(header[:4], "big"), int.from_bytes(header[4:], "big")


# One clip


@pytest.mark.parametrize("settings", [{}, {"savefig.bbox": "tight"}])
def test_clip_picture_is_640_by_480(store, tmp_path, settings):
    import matplotlib

    with matplotlib.rc_context(settings):
        path = plots.save(plots.preview_clip(store, 0), tmp_path / "clip.png")
    assert size_of(path) == (640, 480)
    assert [file.name for file in tmp_path.iterdir()] == ["clip.png"]


def test_colours_are_the_stored_levels(store):
    figure = plots.preview_clip(store, 2)
    mel, stft = panels(figure)
    for axes, feature in ((stft, "stft"), (mel, "mel")):
        assert (axes.images[0].get_array() == stored(store, feature, 2)[..., 0]).all()
        assert axes.images[0].origin == "lower"
    assert stft.images[0].get_clim() == mel.images[0].get_clim()
    (bar,) = (axes for axes in figure.axes if not axes.images)
    assert bar.get_ylabel() == "Level (dB re full scale)"


def test_axes_are_in_hertz_and_seconds(store):
    mel, stft = panels(plots.preview_clip(store, 0))
    for axes in (stft, mel):
        assert axes.get_xlim() == (0, 1)
        assert axes.get_ylabel() == "Frequency (Hz)"
        assert axes.images[0].get_extent()[2:] == list(axes.get_ylim())
    assert stft.get_xlabel() == "Time (s)"
    assert stft.get_ylim() == mel.get_ylim() == (-0.5, 63.5)


@pytest.mark.parametrize(
    "name, frequency",
    [("low.wav", 250), ("tone.wav", 1000), ("other.wav", 3000), ("high.wav", 6000)],
)
def test_a_sine_lies_at_its_frequency(store, name, frequency):
    row = store.paths().index(name)
    for axes in panels(plots.preview_clip(store, row)):
        brightest = int(axes.images[0].get_array().mean(axis=1).argmax())
        ticks = {
            number(label): place
            for label, place in zip(
                axes.get_yticklabels(), axes.get_yticks(), strict=True
            )
        }
        drawn = np.interp(frequency, list(ticks), list(ticks.values()))
        # Between ticks the axis of Mel is not straight.
        assert abs(drawn - brightest) <= (1 if frequency in ticks else 2)


def test_mel_ticks_are_where_the_filters_are():
    spec = FeatureSpec.for_audio(44100, 10.0)
    centres = drawing_of("mel", spec).row_centres
    ticks = row_ticks(centres)
    assert {100, 1000, 10000, 20000} <= ticks.keys()
    assert list(ticks) == sorted(ticks)
    assert np.diff(list(ticks.values())).min() > 0.08 * spec.rows
    for frequency, row in ticks.items():
        assert abs(row - np.abs(centres - frequency).argmin()) <= 0.5


@pytest.mark.parametrize("fmin, fmax", [(1100, 1900), (20, 90), (3000, 15900)])
def test_mel_axis_of_a_narrow_band_has_ticks(fmin, fmax):
    spec = FeatureSpec.for_audio(32000, 1.0, fmin=fmin, fmax=fmax, rows=8)
    ticks = row_ticks(drawing_of("mel", spec).row_centres)
    assert len(ticks) >= 3
    assert all(fmin <= frequency <= fmax for frequency in ticks)


def test_time_follows_the_length_of_the_clip(tmp_path):
    store = make_store(tmp_path, {("a.wav", "park"): sines(500)}, seconds=0.5)
    assert panels(plots.preview_clip(store, 0))[0].get_xlim() == (0, 0.5)


def test_clip_picture_names_scene_file_and_recording(store):
    row = store.paths().index("other.wav")
    shown = words(plots.preview_clip(store, row))
    assert "cafe/restaurant" in shown
    assert "other.wav, recording session 3" in shown


def test_unknown_recordings_are_not_named(tmp_path):
    store = make_store(tmp_path, {("a.wav", "park"): sines(500)}, recordings=False)
    assert "recording" not in words(plots.preview_clip(store, 0))


def test_a_store_with_one_feature_fills_the_picture(tmp_path):
    store = make_store(tmp_path, {("a.wav", "park"): sines(500)}, features=("mel",))
    (mel,) = panels(plots.preview_clip(store, 0))
    assert mel.get_title(loc="left") == "Mel"
    assert mel.get_position().height > 0.7


def test_features_of_one_unit_are_neighbours(tmp_path):
    features = ("mel", "pcen", "stft")
    store = make_store(tmp_path, {("a.wav", "park"): sines(500)}, features=features)
    figure = plots.preview_clip(store, 0)
    names = [panel.get_title(loc="left") for panel in panels(figure)]
    assert names == ["Mel", "STFT", "PCEN"]
    for panel, feature in zip(panels(figure), ("mel", "stft", "pcen"), strict=True):
        assert (panel.images[0].get_array() == stored(store, feature, 0)[..., 0]).all()
    assert len(figure.axes) == 3 + 2  # one colour bar for the two in dB
    assert tuple(figure.bbox.size) == (640, 640)


def test_both_channels_are_shown(midside):
    axes = panels(plots.preview_clip(midside, 0))
    titles = [panel.get_title(loc="left") for panel in axes]
    assert titles == ["Mel, mid", "Mel, side", "STFT, mid", "STFT, side"]
    for panel, channel in zip(axes[:2], (0, 1), strict=True):
        level = stored(midside, "mel", 0)[..., channel]
        assert (panel.images[0].get_array() == level).all()


def test_silence_is_drawn(tmp_path):
    store = make_store(tmp_path, {("a.wav", "park"): np.zeros(RATE)})
    plots.save(plots.preview_clip(store, 0), tmp_path / "silence.png")


@pytest.mark.parametrize("row", [-1, 4, 1000])
def test_a_row_that_does_not_exist(store, row):
    with pytest.raises(UsageError, match="rows 0 to 3"):
        plots.preview_clip(store, row)


def test_a_row_without_data(tmp_path):
    folder = tmp_path / "corpus"
    make_store(folder, {("a.wav", "park"): sines(500), ("b.wav", "car"): sines(500)})
    (folder / "store.h5").unlink()
    (folder / "b.wav").write_bytes(b"no audio")
    plan = extraction.plan(open_corpus(folder / "clips.tsv"), folder / "store.h5")
    growing = FeatureStore(extraction.extract(plan, jobs=1).store, partial=True)
    plots.preview_clip(growing, 0)
    with pytest.raises(UsageError, match="Row 1 .* no data"):
        plots.preview_clip(growing, 1)
    assert words(plots.preview_scenes(growing)).count("no clip") == 2


# A sheet


def test_sheet_has_the_first_clip_of_every_scene(store):
    figure = plots.preview_scenes(store)
    assert tuple(figure.bbox.size) == (960, 480)
    axes = panels(figure)
    assert len(axes) == 2 * len(store.scenes)
    for label, scene in enumerate(store.scenes):
        row = int(np.flatnonzero(store.labels() == label)[0])
        mel, stft = axes[2 * label : 2 * label + 2]
        assert mel.get_title(loc="left") == scene
        for panel, feature in ((stft, "stft"), (mel, "mel")):
            shown = panel.images[0].get_array()
            assert (shown == stored(store, feature, row)[..., 0]).all()
    assert len({panel.images[0].get_clim() for panel in axes}) == 1
    shown = words(figure)
    assert "STFT\nFrequency (Hz)" in shown and "Mel\nFrequency (Hz)" in shown
    assert shown.count("Time (s)") == 3
    assert "high.wav" in shown and "low.wav" not in shown


def test_sheet_of_fifteen_scenes(tmp_path):
    clips = {(f"{i}.wav", scene): sines(500) for i, scene in enumerate(SCENES)}
    figure = plots.preview_scenes(make_store(tmp_path, clips))
    assert size_of(plots.save(figure, tmp_path / "sheet.png")) == (1600, 1440)
    boxes = [panel.get_tightbbox() for panel in panels(figure)]
    assert all(figure.bbox.containsx(box.x0) for box in boxes)
    # No title or label of a panel lies on another panel.
    for panel in panels(figure):
        inside = panel.get_window_extent()
        for other, box in zip(panels(figure), boxes, strict=True):
            assert other is panel or not (
                box.x0 < inside.x1 - 8
                and inside.x0 + 8 < box.x1
                and box.y0 < inside.y1 - 2
                and inside.y0 + 2 < box.y1
            )


def test_sheet_of_a_midside_store_says_which_channel(midside):
    figure = plots.preview_scenes(midside)
    assert "mid channel" in words(figure)
    assert tuple(figure.bbox.size) == (640, 480)


# Untrusted names


@pytest.mark.parametrize("ending", plots.SUFFIXES)
def test_hostile_names_are_drawn_as_they_are(no_mathtext, tmp_path, ending):
    clips = {
        (f"{i} {name[:80].replace('/', '')}.wav", name): sines(500)
        for i, name in enumerate(HOSTILE)
    }
    store = make_store(tmp_path / "$corpus$", clips, rows=16, columns=16)
    path = tmp_path / f"picture{ending}"
    # The names are the same whatever the ending, so one picture will do there.
    for row in range(len(store) if ending == ".png" else 1):
        plots.save(plots.preview_clip(store, row), path)
    plots.save(plots.preview_scenes(store), path)
    assert b"<script>" not in path.read_bytes()


# Surroundings


def test_threads_draw_what_one_thread_draws(store, tmp_path):
    def draw(number):
        path = tmp_path / f"{number}.png"
        plots.save(plots.preview_clip(store, number % 4), path)
        return path.read_bytes()

    alone = [draw(row) for row in range(4)]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(draw, range(8))) == alone * 2


def test_neither_pyplot_nor_tensorflow_is_imported(store, tmp_path):
    code = """
import sys
from asc import plots
assert "matplotlib" not in sys.modules, "importing is not cheap"
from asc.store import FeatureStore
store = FeatureStore(sys.argv[1])
plots.save(plots.preview_clip(store, 0), sys.argv[2])
plots.preview_scenes(store)
plots.confusion_figure([[1]], ["park"])
plots.curves_figure({"loss": [1.0]})
for name in ("matplotlib.pyplot", "tensorflow", "keras"):
    assert name not in sys.modules, name
"""
    done = run_python(code, store.path, tmp_path / "a.png")
    assert done.returncode == 0, done.stderr
