"""Shared fixtures: small audio files, a small corpus and its store.

Session-scoped files are shared by all tests: copy them before changing them.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import soundfile

from asc import extraction, registry
from asc.corpus import Corpus, open_corpus
from asc.errors import InputError, StoreError
from asc.extraction import workers
from asc.features import FrontEnd
from asc.models.entries import MODELS
from asc.store import FeatureStore
from asc.synthetic.corpus import write_synthetic_corpus

# The first call of a compiled function takes seconds, the others microseconds.
hypothesis.settings.register_profile("asc", deadline=None)
hypothesis.settings.load_profile("asc")

# Programs that tests start find `mini_models` too.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
)

SCENES = ("beach", "bus", "cafe/restaurant", "home")


def falling_noise(frames: int, rate: int, seed: int) -> np.ndarray:
    """Return noise that falls with frequency as sound in the open does, and tones.

    Returns
    -------
    np.ndarray [shape=(frames,)], float32
        RMS about 0.05.
    """
    rng = np.random.default_rng(seed)
    frequency = np.maximum(np.fft.rfftfreq(frames, 1 / rate), 20)
    phases = np.exp(2j * np.pi * rng.random(len(frequency)))
    noise = np.fft.irfft(phases / frequency, frames)
    y = 0.05 * noise / noise.std()
    time = np.arange(frames) / rate
    for tone in rng.uniform(100, 0.4 * rate, 3):
        y += 0.01 * np.sin(2 * np.pi * tone * time)
    return y.astype(np.float32)


@pytest.fixture(autouse=True)
def no_module_of_a_user_stays() -> Iterator[None]:
    """Workers of later tests would import it too."""
    before = dict(registry._IMPORTED)
    yield
    assert before == registry._IMPORTED


@pytest.fixture(scope="session")
def noise() -> Callable[..., np.ndarray]:
    """Return the function that makes a test signal."""
    return falling_noise


@pytest.fixture(scope="session")
def write_wav() -> Callable[..., np.ndarray]:
    """Return the function that writes an audio file and returns its samples."""

    def write(
        path: Path,
        seconds: float = 1.0,
        rate: int = 44100,
        channels: int = 2,
        subtype: str | None = "PCM_16",
        seed: int = 0,
    ) -> np.ndarray:
        frames = round(seconds * rate)
        samples = np.stack(
            [falling_noise(frames, rate, 100 * seed + i) for i in range(channels)],
            axis=1,
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, rate, subtype=subtype)
        return samples

    return write


@pytest.fixture(scope="session")
def make_corpus(write_wav: Callable) -> Callable[..., Path]:
    """Return the function that writes a corpus folder as TUT 2017 has it."""

    def make(folder: Path, recordings: int = 6, clips: int = 2) -> Path:
        """Write ``4 * recordings * clips`` clips of one second, and two folds."""
        meta, folds = [], {1: [], 2: []}
        for scene_number, scene in enumerate(SCENES):
            for number in range(recordings):
                recording = f"{'abcd'[scene_number]}{number:03}"
                for clip in range(clips):
                    path = f"audio/{recording}_{clip}_{clip + 1}.wav"
                    seed = 1000 * scene_number + 10 * number + clip
                    write_wav(folder / path, seed=seed)
                    meta.append(f"{path}\t{scene}\t{recording}")
                    folds[1 + number % 2].append(f"{path}\t{scene}")
        (folder / "meta.txt").write_text("\n".join(meta) + "\n")
        setup = folder / "evaluation_setup"
        setup.mkdir()
        for fold, other in ((1, 2), (2, 1)):
            (setup / f"fold{fold}_train.txt").write_text("\n".join(folds[other]))
            (setup / f"fold{fold}_evaluate.txt").write_text("\n".join(folds[fold]))
            names = "\n".join(line.split("\t")[0] for line in folds[fold])
            (setup / f"fold{fold}_test.txt").write_text(names)
        return folder

    return make


@pytest.fixture(scope="session")
def tiny_corpus(
    tmp_path_factory: pytest.TempPathFactory, make_corpus: Callable
) -> Path:
    """Return a TUT-like folder: 4 scenes, 6 recordings each, 2 clips of 1 s each."""
    return make_corpus(tmp_path_factory.mktemp("tiny") / "tut")


@pytest.fixture(scope="session")
def tiny_store(tmp_path_factory: pytest.TempPathFactory, tiny_corpus: Path) -> Path:
    """Return the store of `tiny_corpus` with default settings."""
    path = tmp_path_factory.mktemp("stores") / "tiny.h5"
    plan = extraction.plan(open_corpus(tiny_corpus), path)
    assert extraction.extract(plan, jobs=1).complete
    return path


@pytest.fixture(scope="session")
def few_clips(tmp_path_factory: pytest.TempPathFactory, make_corpus: Callable) -> Path:
    """Return a TUT-like folder: 4 scenes, 3 recordings each, 2 clips of 1 s each."""
    return make_corpus(tmp_path_factory.mktemp("few") / "tut", recordings=3)


@pytest.fixture(scope="session")
def small_store(tmp_path_factory: pytest.TempPathFactory, few_clips: Path) -> Path:
    """Return a store of 24 clips with features of 16 x 16: about 50 kB."""
    path = tmp_path_factory.mktemp("stores") / "small.h5"
    plan = extraction.plan(open_corpus(few_clips), path, rows=16, columns=16)
    assert extraction.extract(plan, jobs=1).complete
    return path


@pytest.fixture(scope="session")
def tau_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a TAU-like folder: 2 scenes, 4 locations in 2 cities, 3 devices."""
    size = {"scenes": 2, "recordings": 4, "clips": 1, "seconds": 0.5, "cities": 2}
    folder = tmp_path_factory.mktemp("tau") / "tau"
    return write_synthetic_corpus(folder, layout="tau", jobs=1, **size)


@pytest.fixture(scope="session")
def tau_store(tmp_path_factory: pytest.TempPathFactory, tau_corpus: Path) -> Path:
    """Return a store of the 24 clips of `tau_corpus` with features of 16 x 16."""
    path = tmp_path_factory.mktemp("stores") / "tau.h5"
    plan = extraction.plan(open_corpus(tau_corpus), path, rows=16, columns=16)
    assert extraction.extract(plan, jobs=1).complete
    return path


@pytest.fixture(scope="session")
def store(small_store: Path) -> FeatureStore:
    """Return `small_store`, opened."""
    return FeatureStore(small_store)


@pytest.fixture
def own_store(tmp_path: Path, small_store: Path) -> Path:
    """Return a copy of `small_store` that a test may damage."""
    return Path(shutil.copy(small_store, tmp_path / "own.h5"))


@pytest.fixture
def own_corpus(tmp_path: Path, few_clips: Path) -> Path:
    """Return a copy of `few_clips` that a test may damage."""
    return Path(shutil.copytree(few_clips, tmp_path / "own" / "tut"))


@pytest.fixture
def extract(tmp_path: Path) -> Iterator[Callable]:
    """Return a short form of an extraction with small features, in this process."""

    def short(
        corpus: Path | Corpus,
        store: Path | None = None,
        *,
        settings: dict | None = None,
        **options: object,
    ) -> extraction.Report:
        if isinstance(corpus, Path):
            corpus = open_corpus(corpus)
        spec = {"rows": 16, "columns": 16} | (settings or {})
        plan = extraction.plan(corpus, store or tmp_path / "store.h5", **spec)
        return extraction.extract(plan, **{"jobs": 1} | options)

    yield short


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the growing list of clips that this process computes."""
    paths: list[str] = []
    compute = workers._compute

    def counting(
        frontend: FrontEnd, root: Path, accept: bool, clip: workers.Clip
    ) -> object:
        paths.append(clip[1])
        return compute(frontend, root, accept, clip)

    monkeypatch.setattr(workers, "_compute", counting)
    return paths


@pytest.fixture
def stop_after() -> Callable[[int], Callable[[int, int], None]]:
    """Return what makes a progress function that interrupts after so many clips."""

    def make(count: int) -> Callable[[int, int], None]:
        def progress(done: int, total: int) -> None:
            if done == count:
                raise KeyboardInterrupt

        return progress

    return make


@pytest.fixture
def growing_place(
    extract: Callable, few_clips: Path, tmp_path: Path, stop_after: Callable
) -> Path:
    """Return where a store is growing: 20 of 24 clips are finished."""
    with pytest.raises(KeyboardInterrupt):
        extract(few_clips, tmp_path / "store.h5", progress=stop_after(20))
    return tmp_path / "store.h5"


@pytest.fixture
def growing(growing_place: Path) -> FeatureStore:
    """Return a store of which 20 of 24 clips are finished."""
    return FeatureStore(growing_place, partial=True)


@pytest.fixture
def refusal() -> Callable[..., str]:
    """Return the function that gives the sentence with which a store is refused."""

    def refused(path: Path, error: type = StoreError) -> str:
        with pytest.raises(error) as caught:
            FeatureStore(path, partial=True)
        assert caught.value.exit_code == (3 if error is InputError else 5)
        text = str(caught.value)
        assert str(path) in text
        assert text.endswith((".", ")"))
        assert text.isprintable()
        return text

    return refused


@pytest.fixture
def no_mathtext(monkeypatch):
    """Make the parser of formulas fail the test."""
    from matplotlib import mathtext

    def parse(*args, **kwargs):
        raise AssertionError("a label was read as a formula")

    monkeypatch.setattr(mathtext.MathTextParser, "parse", parse)


@pytest.fixture(scope="module")
def mini_models() -> Iterator[None]:
    """Register the models of `mini_models`, for the tests of one file."""
    with MODELS.restored():
        importlib.import_module("mini_models")
        yield
    del sys.modules["mini_models"]
