"""Panels of any feature: its values, rows, unit and colours, without a store."""

from __future__ import annotations

import numpy as np
import pytest
from pictures import DECIBELS, noise, panel

from asc import plots
from asc.errors import UsageError
from asc.features import FEATURES, FeatureSpec, drawing_of
from asc.plots.spectrogram_axes import row_ticks

MEL = noise(row_label="Frequency (Hz)", row_centres=np.geomspace(50, 15000, 8))
#: A feature that nobody thought of: another unit, and rows without a frequency.
OTHER = noise(0, 7, "MFCC", "Coefficient")


def pictures(figure):
    return [axes for axes in figure.axes if axes.images]


def bars(figure):
    return [axes for axes in figure.axes if not axes.images]


# What a panel is


@pytest.mark.parametrize(
    "values, centres",
    [
        (np.zeros(3), None),
        (np.zeros((2, 3, 1)), None),
        (np.zeros((0, 3)), None),
        (np.zeros((2, 3)), np.arange(3.0)),
    ],
)
def test_panels_that_cannot_be_drawn(values, centres):
    with pytest.raises(UsageError, match="MFCC must|values of MFCC"):
        panel(values, "MFCC", row_centres=centres)


@pytest.mark.parametrize("feature", FEATURES.names())
def test_a_feature_says_how_it_is_drawn(feature):
    spec = FeatureSpec.for_audio(32000, 2.0, rows=16, columns=4)
    drawing = drawing_of(feature, spec)
    found = plots.Panel(np.zeros((16, 4)), drawing, 2.0, channel="mid")
    assert found.title == f"{drawing.title}, mid"
    figure = plots.spectrogram_figure([[found]])
    axes, bar = figure.axes
    assert axes.get_title(loc="left") == found.title
    assert axes.get_xlim() == (0, 2)
    assert axes.get_ylabel() == drawing.row_label
    assert bar.get_ylabel() == drawing.value_label
    figure.canvas.draw()


def test_a_feature_that_is_not_registered_is_drawn():
    drawing = drawing_of("foreign", FeatureSpec.for_audio(32000, 2.0), "sone")
    found = plots.Panel(np.zeros((3, 4)), drawing, 2.0)
    axes, bar = plots.spectrogram_figure([[found]]).axes
    assert axes.get_title(loc="left") == "foreign"
    assert axes.get_ylabel() == "Row" and "sone" in bar.get_ylabel()


# Colours


def test_colours_leave_out_what_few_cells_have():
    values = np.linspace(-80, -20, 10_000).reshape(100, 100)
    values[0, 0], values[0, 1] = 30, np.nan
    found = plots.colour_limits([panel(values)])
    assert found == {DECIBELS: (-80, -20)}


def test_silence_does_not_take_the_colours():
    values = np.full((10, 10), -145.0)
    values[:4] = np.linspace(-60, -20, 40).reshape(4, 10)
    ((low, high),) = plots.colour_limits([noise(), MEL]).values()
    assert -95 <= low < high <= 5
    ((low, high),) = plots.colour_limits([panel(values)]).values()
    assert (low, high) == (-125, -20)


def test_each_unit_has_its_own_colours():
    found = plots.colour_limits([MEL, OTHER, noise(-40, -20)])
    assert set(found) == {DECIBELS, "Coefficient"}
    low, high = found["Coefficient"]
    assert 0 <= low < 0.5 and 6.5 < high <= 7
    assert found[DECIBELS][0] <= -85


@pytest.mark.parametrize("value", [0.0, -80.0, 3e-9, 1e9, np.nan])
@pytest.mark.parametrize("label", [DECIBELS, "Coefficient"])
def test_one_value_has_colours_too(value, label):
    ((low, high),) = plots.colour_limits(
        [panel(np.full((2, 2), value), "x", label)]
    ).values()
    assert np.isfinite([low, high]).all() and low < high
    assert np.isnan(value) or low <= value <= high


# Rows


@pytest.mark.parametrize(
    "centres, expected",
    [
        (np.arange(100.0), {0: 0, 25: 25, 50: 50, 75: 75}),
        (np.array([440.0]), {440: 0}),
        (np.arange(500.0, 16000, 1000), {0: -0.5, 5000: 4.5, 10000: 9.5, 15000: 14.5}),
    ],
)
def test_ticks_of_rows_of_one_width(centres, expected):
    found = row_ticks(centres)
    assert expected.items() <= {round(k): round(v, 3) for k, v in found.items()}.items()


def test_ticks_of_octaves_are_frequencies():
    centres = 55.0 * 2 ** (np.arange(96) / 12)  # a constant-Q transform
    found = row_ticks(centres)
    assert {100, 1000, 10000} <= set(found)
    for frequency, row in found.items():
        assert abs(row - 12 * np.log2(frequency / 55)) < 0.02


def test_rows_without_centres_are_numbered():
    figure = plots.spectrogram_figure([[OTHER]])
    (axes,) = pictures(figure)
    figure.canvas.draw()
    assert axes.get_ylabel() == "Row"
    shown = dict(zip(axes.get_yticks(), axes.get_yticklabels(), strict=True))
    inside = {row: label.get_text() for row, label in shown.items() if row >= 0}
    assert len(inside) > 2
    assert all(float(label) == row for row, label in inside.items())


# Figures


def test_features_of_two_units_have_two_colour_bars():
    figure = plots.spectrogram_figure([[MEL], [OTHER]], title="park", detail="a.wav")
    mel, other = pictures(figure)
    assert (mel.images[0].get_array() == MEL.values).all()
    assert (other.images[0].get_array() == OTHER.values).all()
    for axes, bar, shown in zip((mel, other), bars(figure), (MEL, OTHER), strict=True):
        assert bar.get_ylabel() == shown.drawing.value_label
        assert bar.get_ylim() == axes.images[0].get_clim()
        beside, place = bar.get_position(), axes.get_position()
        assert place.y0 - 0.02 < beside.y0 < beside.y1 < place.y1 + 0.02
    assert [text.get_text() for text in figure.texts] == ["park", "a.wav"]


def test_features_of_one_unit_share_a_colour_bar():
    figure = plots.spectrogram_figure([[MEL], [noise(-120, -60, "STFT")]])
    assert len(bars(figure)) == 1
    assert len({axes.images[0].get_clim() for axes in pictures(figure)}) == 1


@pytest.mark.parametrize("panels", [[], [[]], [[MEL], [MEL, MEL]]])
def test_lines_of_panels_that_do_not_fit(panels):
    with pytest.raises(UsageError, match="one line of panels"):
        plots.spectrogram_figure(panels)


def test_a_sheet_draws_any_feature_and_scenes_without_a_clip():
    tiles = [plots.Tile("park", "a.wav", [MEL, OTHER]), plots.Tile("bus")]
    figure = plots.spectrogram_sheet(tiles, title="store", detail="2 scenes")
    mel, other = pictures(figure)
    assert (other.images[0].get_array() == OTHER.values).all()
    assert mel.get_ylabel() == "Mel\nFrequency (Hz)"
    assert other.get_ylabel() == "MFCC\nRow"
    written = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert written.count("no clip") == 2
    assert {bar.get_ylabel() for bar in bars(figure)} >= {DECIBELS, "Coefficient"}
    alone = plots.spectrogram_sheet([plots.Tile(name, "", [MEL]) for name in "abc"])
    assert len(pictures(alone)) == 3 and tuple(alone.bbox.size) == (960, 480)
    with pytest.raises(UsageError, match="at least one clip"):
        plots.spectrogram_sheet([plots.Tile("bus")])


# On a page


def test_a_clip_on_a_page_shows_all_features():
    limits = plots.colour_limits([MEL, OTHER])
    figure = plots.clip_figure([MEL, OTHER], limits)
    assert len(figure.axes) == 2
    for axes, shown in zip(figure.axes, (MEL, OTHER), strict=True):
        (image,) = axes.images
        assert (image.get_array() == shown.values).all()
        assert image.get_clim() == limits[shown.drawing.value_label]
        assert axes.get_title(loc="left") == shown.title
        assert axes.get_xlim() == (0, 2)
    upper, lower = figure.axes
    assert upper.get_position().y0 > lower.get_position().y1
    assert (upper.get_xlabel(), lower.get_xlabel()) == ("", "Time (s)")
    with pytest.raises(UsageError, match="at least one feature"):
        plots.clip_figure([], limits)


@pytest.mark.parametrize("length", [0, 1, 100, 44100])
def test_a_waveform_is_scaled_to_its_peak(length):
    samples = 0.25 * np.sin(np.arange(length) / 9) + 0.01
    figure = plots.clip_figure([MEL], plots.colour_limits([MEL]), samples=samples)
    wave = figure.axes[0]
    (shape,) = wave.collections
    outline = shape.get_paths()[0].vertices
    assert wave.get_xlim() == (0, 1)
    if length > 1:
        peak = np.abs(samples).max()
        assert outline[:, 1].max() == pytest.approx(samples.max() / peak)
        assert outline[:, 1].min() == pytest.approx(samples.min() / peak)
    assert wave.get_position().x0 == figure.axes[1].get_position().x0


def test_a_scale_says_which_colour_is_which_value():
    (axes,) = plots.scale_figure(DECIBELS, (-90, -10)).axes
    (image,) = axes.images
    assert axes.get_xlim() == (-90, -10) and axes.get_xlabel() == DECIBELS
    values = np.asarray(image.get_array())[0]
    assert (values[0], values[-1]) == image.get_clim() == (-90, -10)
