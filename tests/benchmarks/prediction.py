"""asc predict against a loop of librosa and Keras, and against its bare arithmetic.

400 clips of five seconds, WAV and Ogg Vorbis, and a run of the model `mobile`. The
start, which is the time for a single file, is taken off before clips are counted. What
no way of doing it can save is beside: decoding, the FFTs and the model on all cores.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import soundfile
from joblib import Parallel, delayed

from asc import export
from asc.corpus import open_corpus
from asc.environment import usable_cores
from asc.extraction import extract, plan
from asc.models import build_model
from asc.store import FeatureStore
from asc.training.new_run import create_run
from asc.training.recipe import Recipe
from asc.training.run import Run
from tests.benchmarks.extraction import corpus_of

#: Files, those of them that differ (the others are hard links), and their length.
FILES, DISTINCT, SECONDS = 400, 100, 5.0
RATE = 44100
FORMATS = ("wav", "ogg")
#: Files of the loop, after some that warm up.
LOOPED, FIRST = 60, 10
BATCH = 16

#: One file after the other, as tutorials do it; prints the seconds a clip.
LOOP = """
import json, sys, time
import keras, librosa

model, files, first, settings, columns = json.loads(sys.argv[1])
model = keras.models.load_model(model, compile=False)
for number, file in enumerate(files):
    if number == first:
        began = time.perf_counter()
    y, rate = librosa.load(file, sr=settings["sr"])
    level = librosa.power_to_db(librosa.feature.melspectrogram(y=y, **settings))
    model.predict(level[None, :, :columns, None], verbose=0)
print((time.perf_counter() - began) / (len(files) - first))
"""

BARE = """
import sys
from tests.benchmarks import prediction
prediction.bare(*sys.argv[1:])
"""


def measure(folder: Path, scratch: Path, rounds: int, clips: int) -> dict:
    """Return the rows of the prediction budgets."""
    corpora = {ending: audio(folder, ending) for ending in FORMATS}
    run = mobile(scratch, corpora["wav"])
    runner = None
    if find_spec("ai_edge_litert"):
        runner = export(
            run, "litert", scratch / "exported", with_runner=True, check=False
        ).path
    start, exported = [], []
    paces, against, bound = ({ending: [] for ending in FORMATS} for _ in range(3))
    for number in range(rounds):
        for ending, corpus in corpora.items():
            file = next(corpus.rglob(f"*.{ending}"))
            began = timed("-m", "asc", "predict", run.path, file)
            out = scratch / f"{ending}-{number}.csv"
            whole = timed("-m", "asc", "predict", run.path, corpus, "-o", out)
            each = (whole - began) / (FILES - 1)
            naive = looped(run, corpus)
            start.append(began)
            paces[ending].append(SECONDS / each)
            against[ending].append(naive / each)
            least = told(BARE, str(run.path), str(corpus))
            bound[ending].append(naive / least)
        if runner:
            file = next(corpora["wav"].rglob("*.wav"))
            exported.append(timed(runner / "classify.py", file))
    rows = {
        "asc predict, one file, s": {"budget": "<= 4", "values": start},
        "exported runner, one file, s": {"budget": "<= 0.5", "values": exported}
        | ({} if runner else {"skipped": "not installed: ai_edge_litert"}),
    }
    for ending in FORMATS:
        wav = ending == "wav"  # the decoder of Vorbis bounds the other
        rows |= {
            f"naive loop / asc predict, {ending}": {
                "budget": ">= 30" if wav else None,
                "values": against[ending],
            },
            f"naive loop / bare decode, FFT and model, {ending}": {
                "budget": None,
                "values": bound[ending],
            },
            f"asc predict, times real time, {ending}": {
                "budget": ">= 1500" if wav else None,
                "values": paces[ending],
            },
        }
    return rows


def audio(folder: Path, ending: str) -> Path:
    """Return a corpus of scene folders with clips in a format, made once."""
    corpus = folder / f"predicted-{ending}"
    if (corpus / "made").exists():
        return corpus
    sources = sorted((corpus_of(folder, FILES) / "audio").glob("*.wav"))
    for number in range(FILES):
        path = corpus / f"scene{number % 10}" / f"{number:03d}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        if number < DISTINCT:
            y, _ = soundfile.read(sources[number], int(SECONDS * RATE), always_2d=True)
            soundfile.write(path, y[:, 0], RATE)
        else:
            first = number % DISTINCT
            os.link(corpus / f"scene{first % 10}" / f"{first:03d}.{ending}", path)
    (corpus / "made").touch()
    return corpus


def mobile(scratch: Path, corpus: Path) -> Run:
    """Return a run of the model `mobile` that was not trained."""
    store = scratch / "predicted.h5"
    extract(plan(open_corpus(corpus), store, features=("mel",)))
    opened = FeatureStore(store)
    run = create_run(scratch / "mobile", Recipe(model="mobile"), opened)
    rows = opened.spec.rows
    model = build_model(
        "mobile",
        input_shape=opened.spec.shape,
        num_scenes=len(opened.scenes),
        mean=np.full(rows, 128.0),
        variance=np.full(rows, 900.0),
    )
    model.save(run.path / "model.keras")
    return run


def timed(*command: object) -> float:
    """Return the seconds that a program of Python takes."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, *map(str, command)], check=True, capture_output=True
    )
    return time.perf_counter() - began


def told(code: str, *arguments: str) -> float:
    """Return the seconds that a program of Python prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout.split()[-1])


def looped(run: Run, corpus: Path) -> float:
    """Return the seconds a clip of a loop of librosa and Keras, which has no asc."""
    spec = run.spec
    settings = {
        "sr": spec.sample_rate,
        "n_fft": spec.n_fft,
        "hop_length": spec.hop_length,
        "n_mels": spec.rows,
        "fmin": spec.fmin,
        "fmax": spec.fmax,
    }
    model, files = str(run.path / "model.keras"), files_of(corpus)[: FIRST + LOOPED]
    return told(LOOP, json.dumps([model, files, FIRST, settings, spec.columns]))


def files_of(corpus: str | Path) -> list[str]:
    """Return the clips of a corpus."""
    return sorted(str(path) for path in Path(corpus).glob("scene*/*"))


def bare(run: str, corpus: str) -> None:
    """Print the seconds of a clip that nothing can do without, on all cores."""
    import scipy.fft

    opened, files = Run(run), files_of(corpus)
    spec, window = opened.spec, np.hanning(opened.spec.n_fft + 1)[:-1].astype("f")
    model = opened.load_model()
    batch = np.zeros((BATCH, *spec.shape), np.float32)

    def transform(some: list[str]) -> None:
        for file in some:
            y = np.pad(soundfile.read(file, dtype="float32")[0], spec.n_fft // 2)
            frames = np.lib.stride_tricks.sliding_window_view(y, spec.n_fft)
            frames = frames[:: spec.hop_length]
            for start in range(0, len(frames), 32):
                scipy.fft.rfft(frames[start : start + 32] * window, axis=1)

    def both() -> float:
        began = time.perf_counter()
        parallel = Parallel(usable_cores(), backend="threading")
        parallel(delayed(transform)(files[at : at + 8]) for at in range(0, FILES, 8))
        decoded = time.perf_counter() - began
        used = time.process_time()
        for _ in range(FILES // BATCH):
            model.predict_on_batch(batch)
        return decoded + (time.process_time() - used) / usable_cores()

    both()
    sys.stdout.write(f"{both() / FILES}\n")
