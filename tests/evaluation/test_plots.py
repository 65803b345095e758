"""Pictures: what they show is what they were given, on the right axes."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile

from asc import extraction
from asc.corpus import open_corpus
from asc.errors import AscError, InputError, UsageError
from asc.evaluation import plots
from asc.evaluation.plots.spectrograms import mel_ticks
from asc.evaluation.plots.style import plain, wrapped
from asc.features import FeatureSpec, row_frequencies
from asc.store import FeatureStore

RATE = 32000
HOSTILE = (
    "$\\frac{1}{",
    "<script>alert(1)</script>",
    "two\nlines\tand a tab",
    "x_" * 100,
    "$x^2$ & \\LaTeX % #",
    "\u5730\u9244 \U0001f600 \u202egnp.exe \x00\x1b[31m",
)
SCENES = (
    "beach bus cafe/restaurant car city_center forest_path grocery_store home library"
    " metro_station office park residential_area train tram"
).split()


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
    return float(label.get_text().replace(",", ""))


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
        path = plots.save(plots.spectrogram_figure(store, 0), tmp_path / "clip.png")
    assert size_of(path) == (640, 480)
    assert [file.name for file in tmp_path.iterdir()] == ["clip.png"]


def test_colours_are_the_stored_levels(store):
    figure = plots.spectrogram_figure(store, 2)
    stft, mel = panels(figure)
    for axes, feature in ((stft, "stft"), (mel, "mel")):
        assert (axes.images[0].get_array() == stored(store, feature, 2)[..., 0]).all()
        assert axes.images[0].origin == "lower"
    assert stft.images[0].get_clim() == mel.images[0].get_clim()
    (bar,) = (axes for axes in figure.axes if not axes.images)
    assert bar.get_ylabel() == "Level (dB re full scale)"


def test_axes_are_in_hertz_and_seconds(store):
    stft, mel = panels(plots.spectrogram_figure(store, 0))
    for axes in (stft, mel):
        assert axes.get_xlim() == (0, 1)
        assert axes.get_ylabel() == "Frequency (Hz)"
        assert axes.images[0].get_extent()[2:] == list(axes.get_ylim())
    assert mel.get_xlabel() == "Time (s)"
    assert stft.get_ylim() == (20, 16000)
    assert mel.get_ylim() == (-0.5, 63.5)


@pytest.mark.parametrize(
    "name, frequency",
    [("low.wav", 250), ("tone.wav", 1000), ("other.wav", 3000), ("high.wav", 6000)],
)
def test_a_sine_lies_at_its_frequency(store, name, frequency):
    row = store.paths().index(name)
    stft, mel = panels(plots.spectrogram_figure(store, row))
    image = stft.images[0]
    _, _, bottom, top = image.get_extent()
    height = (top - bottom) / 64
    brightest = int(image.get_array().mean(axis=1).argmax())
    assert abs(bottom + (brightest + 0.5) * height - frequency) <= height

    brightest = int(mel.images[0].get_array().mean(axis=1).argmax())
    ticks = {
        number(label): place
        for label, place in zip(mel.get_yticklabels(), mel.get_yticks(), strict=True)
    }
    assert abs(np.interp(frequency, list(ticks), list(ticks.values())) - brightest) <= (
        1 if frequency in ticks else 2  # between ticks the axis is not straight
    )


def test_mel_ticks_are_where_the_filters_are():
    spec = FeatureSpec.for_audio(44100, 10.0)
    ticks = mel_ticks(spec)
    centres = row_frequencies("mel", spec)
    assert {100, 1000, 10000, 20000} <= ticks.keys()
    assert list(ticks) == sorted(ticks)
    assert np.diff(list(ticks.values())).min() > 0.08 * spec.rows
    for frequency, row in ticks.items():
        assert abs(row - np.abs(centres - frequency).argmin()) <= 0.5


@pytest.mark.parametrize("fmin, fmax", [(1100, 1900), (20, 90), (3000, 15900)])
def test_mel_axis_of_a_narrow_band_has_ticks(fmin, fmax):
    spec = FeatureSpec.for_audio(32000, 1.0, fmin=fmin, fmax=fmax, rows=8)
    ticks = mel_ticks(spec)
    assert len(ticks) >= 3
    assert all(fmin <= frequency <= fmax for frequency in ticks)


def test_time_follows_the_length_of_the_clip(tmp_path):
    store = make_store(tmp_path, {("a.wav", "park"): sines(500)}, seconds=0.5)
    assert panels(plots.spectrogram_figure(store, 0))[0].get_xlim() == (0, 0.5)


def test_clip_picture_names_scene_file_and_recording(store):
    row = store.paths().index("other.wav")
    shown = words(plots.spectrogram_figure(store, row))
    assert "cafe/restaurant" in shown
    assert "other.wav, recording session 3" in shown


def test_unknown_recordings_are_not_named(tmp_path):
    store = make_store(tmp_path, {("a.wav", "park"): sines(500)}, recordings=False)
    assert "recording" not in words(plots.spectrogram_figure(store, 0))


def test_a_store_with_one_feature_fills_the_picture(tmp_path):
    store = make_store(tmp_path, {("a.wav", "park"): sines(500)}, features=("mel",))
    (mel,) = panels(plots.spectrogram_figure(store, 0))
    assert mel.get_title(loc="left") == "Mel"
    assert mel.get_position().height > 0.7


def test_both_channels_are_shown(midside):
    axes = panels(plots.spectrogram_figure(midside, 0))
    titles = [panel.get_title(loc="left") for panel in axes]
    assert titles == ["STFT, mid", "STFT, side", "Mel, mid", "Mel, side"]
    for panel, channel in zip(axes[:2], (0, 1), strict=True):
        level = stored(midside, "stft", 0)[..., channel]
        assert (panel.images[0].get_array() == level).all()


def test_silence_is_drawn(tmp_path):
    store = make_store(tmp_path, {("a.wav", "park"): np.zeros(RATE)})
    plots.save(plots.spectrogram_figure(store, 0), tmp_path / "silence.png")


@pytest.mark.parametrize("row", [-1, 4, 1000])
def test_a_row_that_does_not_exist(store, row):
    with pytest.raises(UsageError, match="rows 0 to 3"):
        plots.spectrogram_figure(store, row)


def test_a_row_without_data(tmp_path):
    folder = tmp_path / "corpus"
    make_store(folder, {("a.wav", "park"): sines(500), ("b.wav", "car"): sines(500)})
    (folder / "store.h5").unlink()
    (folder / "b.wav").write_bytes(b"no audio")
    plan = extraction.plan(open_corpus(folder / "clips.tsv"), folder / "store.h5")
    growing = FeatureStore(extraction.extract(plan, jobs=1).store, partial=True)
    plots.spectrogram_figure(growing, 0)
    with pytest.raises(UsageError, match="Row 1 .* no data"):
        plots.spectrogram_figure(growing, 1)
    assert words(plots.spectrogram_sheet(growing)).count("no clip") == 2


# A sheet


def test_sheet_has_the_first_clip_of_every_scene(store):
    figure = plots.spectrogram_sheet(store)
    assert tuple(figure.bbox.size) == (960, 480)
    axes = panels(figure)
    assert len(axes) == 2 * len(store.scenes)
    for label, scene in enumerate(store.scenes):
        row = int(np.flatnonzero(store.labels() == label)[0])
        stft, mel = axes[2 * label : 2 * label + 2]
        assert stft.get_title(loc="left") == scene
        for panel, feature in ((stft, "stft"), (mel, "mel")):
            shown = panel.images[0].get_array()
            assert (shown == stored(store, feature, row)[..., 0]).all()
    assert len({panel.images[0].get_clim() for panel in axes}) == 1
    shown = words(figure)
    assert "STFT frequency (Hz)" in shown and "Mel frequency (Hz)" in shown
    assert shown.count("Time (s)") == 3
    assert "high.wav" in shown and "low.wav" not in shown


def test_sheet_of_one_feature(store, tmp_path):
    figure = plots.spectrogram_sheet(store, feature="mel")
    assert len(panels(figure)) == 3
    assert size_of(plots.save(figure, tmp_path / "sheet.png")) == (960, 480)
    with pytest.raises(UsageError, match="Did you mean 'mel'"):
        plots.spectrogram_sheet(store, feature="mell")


def test_sheet_of_fifteen_scenes(tmp_path):
    clips = {(f"{i}.wav", scene): sines(500) for i, scene in enumerate(SCENES)}
    figure = plots.spectrogram_sheet(make_store(tmp_path, clips))
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
    figure = plots.spectrogram_sheet(midside)
    assert "mid channel" in words(figure)
    assert tuple(figure.bbox.size) == (640, 480)


# Training curves

HISTORY = {
    "epoch": [1, 2, 3, 4],
    "accuracy": [0.2, 0.4, 0.5, 0.6],
    "loss": [2.0, 1.5, 1.2, 1.0],
    "val_accuracy": [0.25, 0.45, 0.55, 0.5],
    "val_loss": [1.9, 1.4, 1.1, 1.3],
}


def curves(axes):
    return {line.get_label(): line for line in axes.get_lines()}


def test_curves_show_the_history():
    figure = plots.curves_figure(HISTORY, best_epoch=3, title="simple-cnn, Mel")
    for axes, key, best in zip(
        figure.axes, ("accuracy", "loss"), ("55 %", "1.100"), strict=True
    ):
        lines = curves(axes)
        for label, column in (("train", key), ("validation", f"val_{key}")):
            assert list(lines[label].get_xdata()) == HISTORY["epoch"]
            assert list(lines[label].get_ydata()) == HISTORY[column]
        assert list(lines[f"best epoch 3: {best}"].get_xdata()) == [3, 3]
        assert axes.get_xlabel() == "Epoch"
        low, high = axes.get_xlim()
        assert low < 1 and high > 4
    assert "simple-cnn, Mel" in words(figure)


def test_curves_say_that_training_was_augmented():
    axes, _ = plots.curves_figure(HISTORY, augmented=True).axes
    assert set(curves(axes)) == {"train (augmented)", "validation"}


def test_accuracy_is_in_percent():
    figure = plots.curves_figure({"accuracy": [0.0, 0.5, 1.0]})
    figure.canvas.draw()
    axes = figure.axes[0]
    assert axes.get_ylabel() == "Accuracy (%)"
    for place, label in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True):
        assert float(label.get_text().replace("\N{MINUS SIGN}", "-")) == pytest.approx(
            100 * place
        )


@pytest.mark.parametrize(
    "history",
    [
        {},
        {"epoch": []},
        {"epoch": [1], "loss": [0.5]},
        {"loss": [0.5, float("nan"), 0.4], "val_loss": [float("inf")] * 3},
        {"accuracy": [float("nan")] * 3},
        {"accuracy": np.linspace(0, 1, 200), "val_loss": np.ones(200)},
    ],
)
def test_incomplete_histories_are_drawn(history, tmp_path):
    figure = plots.curves_figure(history, best_epoch=1, augmented=True)
    plots.save(figure, tmp_path / "curves.png")


def test_a_single_epoch_is_in_the_middle_and_marked():
    figure = plots.curves_figure({"epoch": [7], "accuracy": [0.5]})
    axes = figure.axes[0]
    assert axes.get_xlim() == (6.5, 7.5)
    assert axes.get_lines()[0].get_marker() == "o"
    assert [tick for tick in axes.get_xticks() if 6.5 <= tick <= 7.5] == [7]


def test_a_value_between_gaps_of_a_long_history_is_marked():
    loss = np.full(100, 0.5)
    loss[[9, 11]] = np.nan
    line = plots.curves_figure({"loss": loss}).axes[1].get_lines()[0]
    assert line.get_markevery() == [10]


@pytest.mark.parametrize(
    "history, message",
    [
        ({"epoch": [1, 2], "loss": [1.0]}, "epoch 2, loss 1"),
        ({"loss": ["good"]}, "numbers"),
        ({"loss": 1.0}, "numbers"),
    ],
)
def test_histories_that_cannot_be_drawn(history, message):
    with pytest.raises(UsageError, match=message):
        plots.curves_figure(history)


# Confusion


def annotations(figure):
    """Texts in the cells: {(row, column): [text, ...]}."""
    from matplotlib.text import Annotation

    found: dict = {}
    for note in figure.axes[0].findobj(Annotation):
        column, row = note.xy
        found.setdefault((row, column), []).append(note.get_text())
    return found


def test_confusion_shows_counts_and_shares():
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 3, (15, 15)) + 200 * np.eye(15, dtype=int)
    figure = plots.confusion_figure(counts, SCENES, title="accuracy 81.2 %")
    axes = figure.axes[0]
    found = annotations(figure)
    assert set(found) == {(row, column) for row, column in np.argwhere(counts)}
    for (row, column), (count, share) in found.items():
        assert int(count) == counts[row, column]
        percent = 100 * counts[row, column] / counts[row].sum()
        assert share == "<1%" if percent < 0.5 else float(share[:-1]) == round(percent)
    shares = axes.images[0].get_array()
    np.testing.assert_allclose(shares, counts / counts.sum(axis=1, keepdims=True))
    assert [label.get_text() for label in axes.get_yticklabels()] == SCENES
    assert [label.get_text() for label in axes.get_xticklabels()] == SCENES
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("True scene", "Predicted scene")
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first scene is on top
    assert "accuracy 81.2 %" in words(figure)


@pytest.mark.parametrize("count", [1, 2, 15, 50, 90, 260])
def test_nothing_of_a_confusion_matrix_is_cut_off(count):
    names = [f"W{number:03}_residential_area" for number in range(count)]
    title = "accuracy 81.2 % (95 % CI 77.1-85.0), split fold1, leakage 0 %"
    counts = np.eye(count, dtype=int) * 9
    figure = plots.confusion_figure(counts, names, title=title)
    figure.canvas.draw()
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
    assert max(width, height) < 20
    assert len(annotations(figure)) == (count if count <= 60 else 0)
    labels = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    for upper, lower in zip(labels, labels[1:], strict=False):
        assert upper.y0 >= lower.y1 - 2


def test_a_scene_without_clips_is_an_empty_row():
    figure = plots.confusion_figure(np.array([[0, 0], [1, 3]]), ["a", "b"])
    assert annotations(figure) == {(1, 0): ["1", "25%"], (1, 1): ["3", "75%"]}


@pytest.mark.parametrize(
    "counts", [np.eye(3), np.zeros((2, 3)), np.zeros(2), [[1, -1], [0, 1]]]
)
def test_confusions_that_cannot_be_drawn(counts):
    with pytest.raises(UsageError, match="confusion"):
        plots.confusion_figure(counts, ["a", "b"])


# Names from strangers


@pytest.fixture
def no_mathtext(monkeypatch):
    """Make the parser of formulas fail the test."""
    from matplotlib import mathtext

    def parse(*args, **kwargs):
        raise AssertionError("a label was read as a formula")

    monkeypatch.setattr(mathtext.MathTextParser, "parse", parse)


@pytest.mark.parametrize("ending", plots.ENDINGS)
def test_hostile_names_are_drawn_as_they_are(no_mathtext, tmp_path, ending):
    names = [name.replace("\n", " ").replace("\t", " ") for name in HOSTILE[:5]]
    clips = {
        (f"{i} {name[:80].replace('/', '')}.wav", name): sines(500)
        for i, name in enumerate(names)
    }
    store = make_store(tmp_path / "$corpus$", clips, rows=16, columns=16)
    path = tmp_path / f"picture{ending}"
    # The names are the same whatever the ending, so one picture will do there.
    for row in range(len(store) if ending == ".png" else 1):
        plots.save(plots.spectrogram_figure(store, row), path)
    plots.save(plots.spectrogram_sheet(store), path)
    counts = np.eye(len(HOSTILE), dtype=int)
    figure = plots.confusion_figure(counts, HOSTILE, title="$\\frac$\n" + "y" * 999)
    plots.save(figure, path)
    plots.save(plots.curves_figure(HISTORY, title=" ".join(HOSTILE)), path)
    assert b"<script>" not in path.read_bytes()


def test_hostile_titles_stay_inside():
    figure = plots.confusion_figure(np.eye(2), ["a", "b"], title="long words " * 99)
    assert figure.get_tightbbox().y1 <= figure.get_size_inches()[1]


@pytest.mark.parametrize("text", HOSTILE)
def test_plain_is_one_printable_line(text):
    shown = plain(text, 30)
    assert shown.isprintable() and len(shown) <= 30


def test_plain_keeps_both_ends():
    assert plain("a001_10_20.wav", 20) == "a001_10_20.wav"
    assert plain("a" * 20 + "b" * 20, 9) == "aaaa\N{HORIZONTAL ELLIPSIS}bbbb"
    assert plain("caf\u00e9 \u5730", 20) == "caf\u00e9 \N{WHITE SQUARE}"


def test_wrapped_has_an_end():
    assert wrapped("a\nb", 10) == "a\nb"
    lines = wrapped("word " * 500, 20).splitlines()
    assert len(lines) == 4 and max(map(len, lines)) <= 20


# Files


@pytest.fixture(scope="module")
def picture():
    return plots.curves_figure(HISTORY)


@pytest.mark.parametrize(
    "name, start", [("a.png", b"\x89PNG"), ("a.PDF", b"%PDF"), ("a.svg", b"<?xml")]
)
def test_the_ending_decides_the_format(picture, tmp_path, name, start):
    path = plots.save(picture, tmp_path / name)
    assert path.read_bytes().startswith(start)
    before = path.read_bytes()
    assert plots.save(picture, str(path)) == path
    assert name == "a.svg" or path.read_bytes() == before


@pytest.mark.parametrize("name", ["a.jpg", "a", "a.png.txt", ".png"])
def test_an_unknown_ending(picture, tmp_path, name):
    with pytest.raises(UsageError, match="expected one of .png, .pdf, .svg"):
        plots.save(picture, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder(picture, tmp_path):
    with pytest.raises(InputError, match="no folder"):
        plots.save(picture, tmp_path / "missing" / "a.png")


def test_a_failed_write_leaves_the_old_file(picture, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_text("old")

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(AscError, match="No space left"):
        plots.save(picture, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_threads_draw_what_one_thread_draws(store, tmp_path):
    def draw(number):
        path = tmp_path / f"{number}.png"
        plots.save(plots.spectrogram_figure(store, number % 4), path)
        return path.read_bytes()

    alone = [draw(row) for row in range(4)]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(draw, range(8))) == alone * 2


def test_neither_pyplot_nor_tensorflow_is_imported(store, tmp_path):
    code = """
import sys
from asc.evaluation import plots
assert "matplotlib" not in sys.modules, "importing is not cheap"
from asc.store import FeatureStore
store = FeatureStore(sys.argv[1])
plots.save(plots.spectrogram_figure(store, 0), sys.argv[2])
plots.spectrogram_sheet(store)
plots.confusion_figure([[1]], ["park"])
plots.save(plots.curves_figure({"loss": [1.0]}), sys.argv[2])
for name in ("matplotlib.pyplot", "tensorflow", "keras"):
    assert name not in sys.modules, name
"""
    subprocess.run(
        [sys.executable, "-c", code, str(store.path), str(tmp_path / "a.png")],
        check=True,
    )
