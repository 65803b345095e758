"""Classify audio files with the model in this folder, without asc and TensorFlow.

    pip install -r requirements.txt
    python classify.py street.wav --top 3

A file is cut into windows of the clip length, one after the other and the last at its
end; their probabilities are averaged. A shorter file is repeated. It is read whole.
Audio at another rate than the model's is resampled by SciPy, in asc by soxr: for 400
clips of ESC-10 at 48 kHz and a model of 44.1 kHz, probabilities differed by 0.0008 on
average and 0.014 at most, and the scenes were the same.
"""

from __future__ import annotations

import argparse
import json
import sys
from math import gcd
from pathlib import Path

import numpy as np
import soundfile
from frontend import FrontEnd
from runtime import Model

FOLDER = Path(__file__).resolve().parent


class Classifier:
    """The front end and the model of a folder.

    Attributes
    ----------
    scenes : list of str
    """

    def __init__(self, folder: Path) -> None:
        record = json.loads((folder / "asc-model.json").read_text("utf-8"))
        self.scenes = record["scenes"]
        self.rate = record["spec"]["sample_rate"]
        self.length = round(self.rate * record["spec"]["seconds"])
        with np.load(folder / "frontend.npz") as arrays:
            self.frontend = FrontEnd(record, arrays)
        self.model = Model(str(folder / record["file"]))

    def __call__(self, path: str) -> np.ndarray:
        """Return the mean probabilities of a file [scenes]."""
        if not Path(path).exists():
            raise ValueError("It is not there.")
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        if not len(samples):
            raise ValueError("The file has no samples.")
        y = self.frontend.mix(samples)
        if rate != self.rate:
            from scipy.signal import resample_poly  # takes longest to import

            common = gcd(rate, self.rate)
            y = resample_poly(y, self.rate // common, rate // common, axis=1)
        total = np.zeros(len(self.scenes))
        starts = self.starts(y.shape[1])
        for start in starts:
            window = y[:, start : start + self.length]
            repeated = np.arange(self.length) % window.shape[1]
            features = self.frontend(window[:, repeated])
            total += self.model(features[np.newaxis])[0]
        return total / len(starts)

    def starts(self, length: int) -> list[int]:
        """Return where the windows of so many samples begin."""
        starts = list(range(0, length - self.length + 1, self.length)) or [0]
        rest = length - starts[-1] - self.length
        # What follows a single window counts if it is half a window or more.
        if rest > 0 and (len(starts) > 1 or 2 * rest >= self.length):
            starts.append(length - self.length)
        return starts


def main() -> int:
    """Print the most probable scenes of each file; return the exit code."""
    parser = argparse.ArgumentParser(description="Classify audio files.")
    parser.add_argument("audio", nargs="+")
    parser.add_argument("--top", type=int, default=3, help="scenes to print")
    parser.add_argument("--json", action="store_true", help="print all as JSON")
    given = parser.parse_args()
    classifier, found, failed = Classifier(FOLDER), [], 0
    for path in given.audio:
        try:
            values = classifier(path)
        except (OSError, RuntimeError, ValueError) as error:
            sys.stderr.write(f"{path}: {error}\n")
            failed = 3
            continue
        order = np.argsort(-values, kind="stable")
        best = [(classifier.scenes[place], float(values[place])) for place in order]
        found.append({"path": path, "probabilities": dict(best)})
        if not given.json:
            shown = "  ".join(
                f"{name} {100 * p:.1f} %" for name, p in best[: given.top]
            )
            sys.stdout.write(f"{path}: {shown}\n")
    if given.json:
        sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    return failed


if __name__ == "__main__":
    sys.exit(main())
