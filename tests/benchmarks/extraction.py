"""Extraction against its bare arithmetic, plain librosa, and the slides' way.

Also against torchaudio in DataLoader workers and against lhotse, where these are
installed: they are no dependencies, and a row without them says so.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from joblib import Parallel, delayed

from asc.environment import usable_cores
from asc.features import FeatureSpec
from asc.synthetic.corpus import write_synthetic_corpus

#: Distinct files; more clips are hard links to them.
FILES = 300
#: Samples between frames that asc chooses for these clips.
HOP = FeatureSpec.for_audio(44100, 10.0).hop_length
#: Other tools, and the packages that each needs.
OTHERS = {
    "torchaudio": ("torch", "torchaudio", "h5py"),
    "lhotse": ("torch", "torchaudio", "lhotse"),
}
#: Clips drawn in the slides' way, which is slow and needs no more.
PICTURES = 10


def corpus_of(folder: Path, clips: int) -> Path:
    """Return a corpus of so many clips in TUT format, made once."""
    source = write_synthetic_corpus(
        folder / "audio", scenes=15, recordings=5, clips=FILES // 75, jobs=-1
    )
    files = sorted((source / "audio").glob("*.wav"))
    linked = folder / f"clips-{clips}"
    if not (linked / "meta.txt").exists():
        (linked / "audio").mkdir(parents=True, exist_ok=True)
        lines = []
        for number in range(clips):
            file = files[number % len(files)]
            name = f"audio/c{number // 10:04d}_{number % 10}0_{number % 10 + 1}0.wav"
            if not (linked / name).exists():
                os.link(file, linked / name)
            lines.append(f"{name}\tscene{number // 10 % 15}\tc{number // 10:04d}\n")
        (linked / "meta.txt").write_text("".join(lines))
    return linked


def measure(folder: Path, scratch: Path, rounds: int, clips: int) -> dict:
    """Return the rows of the extraction budgets."""
    corpus = corpus_of(folder, clips)
    files = [str(file) for file in sorted((corpus / "audio").glob("*.wav"))]
    bare_ratio, librosa_ratio, picture_ratio, rate, size = [], [], [], [], []
    others: dict[str, list[float]] = {name: [] for name in OTHERS}
    for _ in range(rounds):
        store = scratch / "bench.h5"
        began = time.perf_counter()
        command = [sys.executable, "-m", "asc.cli", "extract", str(corpus), str(store)]
        subprocess.run(command, check=True, capture_output=True)
        ours = time.perf_counter() - began
        size.append(store.stat().st_size / clips * 4680 / 1e6)
        store.unlink()
        bare_ratio.append(ours / _timed("bare", files))
        rate.append(clips / ours)
        few = files[: max(100, len(files) // 8)]
        librosa_ratio.append(_timed("with_librosa", few) / len(few) / (ours / clips))
        for name, values in others.items():
            if not _missing(name):
                theirs = _timed(f"with_{name}", few, whole=True) / len(few)
                values.append(theirs / (ours / clips))
        began = time.perf_counter()
        for file in files[:PICTURES]:
            as_pictures(file)
        each = (time.perf_counter() - began) / PICTURES / usable_cores()
        picture_ratio.append(each / (ours / clips))
    return {
        "extraction / bare decode and FFT": {"budget": "<= 1.4", "values": bare_ratio},
        "librosa under joblib / extraction": {
            "budget": ">= 2",
            "values": librosa_ratio,
        },
        "slides' pictures / extraction": {"budget": ">= 40", "values": picture_ratio},
        "extraction, clips per second": {"budget": None, "values": rate},
        "store of 4,680 clips, MB": {"budget": "<= 620", "values": size},
    } | {
        f"{name} / extraction": (
            {"budget": None, "values": values}
            if values
            else {
                "skipped": f"not installed: {', '.join(_missing(name))}",
                "values": [],
            }
        )
        for name, values in others.items()
    }


def _missing(name: str) -> list[str]:
    """Return the packages that a benchmark needs and that are not installed."""
    return [package for package in OTHERS[name] if find_spec(package) is None]


def _timed(function: str, files: list[str], whole: bool = False) -> float:
    """Return the seconds that a fresh process takes for all files.

    Parameters
    ----------
    function : str
        A function of this module: of one file, or of all.
    files : list of str
    whole : bool
        The function takes the list of files and distributes the work itself.
    """
    call = f"e.{function}(files)" if whole else f"e.parallel(e.{function}, files)"
    code = (
        "import sys; from tests.benchmarks import extraction as e;"
        f" files = sys.stdin.read().split('\\n'); {call}"
    )
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", code], input="\n".join(files), text=True, check=True
    )
    return time.perf_counter() - began


def parallel(function, files: list[str]) -> None:
    """Do all files in as many processes as there are processors."""
    batches = [files[start : start + 8] for start in range(0, len(files), 8)]
    Parallel(usable_cores())(delayed(_each)(function, batch) for batch in batches)


def _each(function, files: list[str]) -> None:
    for file in files:
        function(file)


def bare(file: str) -> None:
    """Decode, and transform the same frames: nothing can do without these."""
    import numpy as np
    import scipy.fft
    import soundfile

    samples, _ = soundfile.read(file, dtype="float32", always_2d=True)
    y = np.pad(samples[:, 0], 2048)
    frames = np.lib.stride_tricks.sliding_window_view(y, 4096)[::HOP]
    window = np.hanning(4097)[:-1].astype(np.float32)
    for start in range(0, len(frames), 32):
        scipy.fft.rfft(frames[start : start + 32] * window, axis=1)


def with_librosa(file: str) -> None:
    """Compute both features by plain calls of librosa."""
    import librosa
    import numpy as np

    y, rate = librosa.load(file, sr=None, mono=True)
    stft = np.abs(librosa.stft(y, n_fft=4096, hop_length=HOP))
    librosa.amplitude_to_db(stft)
    mel = librosa.feature.melspectrogram(
        y=y, sr=rate, n_fft=4096, hop_length=HOP, n_mels=256, fmin=20, fmax=20000
    )
    librosa.power_to_db(mel)


def as_pictures(file: str) -> None:
    """Draw both features 640 x 480, save, crop and resize them to 256 x 256."""
    import librosa
    import librosa.display
    import numpy as np
    from matplotlib import pyplot
    from PIL import Image

    y, rate = librosa.load(file, sr=None, mono=True)
    stft = librosa.amplitude_to_db(np.abs(librosa.stft(y)), ref=np.max)
    mel = librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=rate), ref=np.max)
    for feature, axis in ((stft, "log"), (mel, "mel")):
        pyplot.figure(figsize=(6.4, 4.8), dpi=100)
        librosa.display.specshow(feature, sr=rate, x_axis="time", y_axis=axis)
        pyplot.colorbar()
        picture = io.BytesIO()
        pyplot.savefig(picture)
        pyplot.close()
        cropped = Image.open(picture).convert("RGB").crop((80, 58, 477, 428))
        np.asarray(cropped.resize((256, 256)))


def with_torchaudio(files: list[str]) -> None:
    """Compute both features in DataLoader workers, and write them to one HDF5 file."""
    import tempfile

    import h5py
    import soundfile
    import torch
    import torchaudio

    class Features(torch.utils.data.Dataset):
        def __init__(self) -> None:
            self.stft = torchaudio.transforms.Spectrogram(n_fft=4096, hop_length=HOP)
            self.mel = torchaudio.transforms.MelScale(
                n_mels=256, sample_rate=44100, f_min=20, f_max=20000, n_stft=2049
            )
            self.decibels = torchaudio.transforms.AmplitudeToDB("power")

        def __len__(self) -> int:
            return len(files)

        def __getitem__(self, index: int):
            y, _ = soundfile.read(files[index], dtype="float32", always_2d=True)
            power = self.stft(torch.from_numpy(y.mean(1)))
            return self.decibels(power), self.decibels(self.mel(power))

    loader = torch.utils.data.DataLoader(
        Features(), batch_size=8, num_workers=usable_cores()
    )
    row = 0
    with tempfile.NamedTemporaryFile() as target, h5py.File(target, "w") as file:
        for features in loader:
            for name, values in zip(("stft", "mel"), features, strict=True):
                shape = (len(files), *values.shape[1:])
                data = file.require_dataset(name, shape, "f4")
                data[row : row + len(values)] = values.numpy()
            row += len(features[0])


def with_lhotse(files: list[str]) -> None:
    """Compute log-Mel alone, of one channel, into lhotse's own compressed storage."""
    import tempfile
    from concurrent.futures import ProcessPoolExecutor

    import lhotse
    import torch

    torch.set_num_threads(1)
    recordings = lhotse.RecordingSet.from_recordings(
        lhotse.Recording.from_file(file) for file in files
    )
    cuts = lhotse.CutSet.from_manifests(recordings=recordings)
    extractor = lhotse.Fbank(
        lhotse.FbankConfig(
            sampling_rate=44100,
            num_filters=256,
            frame_length=4096 / 44100,
            frame_shift=HOP / 44100,
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        jobs = usable_cores()
        with ProcessPoolExecutor(jobs) as executor:
            cuts.compute_and_store_features(
                extractor, Path(folder, "features"), num_jobs=jobs, executor=executor
            )
