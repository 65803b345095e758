"""The commands as a user runs them: exit codes, sentences, JSON."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from world import (
    COMMANDS,
    call_command,
    python_command,
    run_command,
    run_python,
    wait_for,
)

from asc.cli.recipe_options import option_name
from asc.store import FeatureStore
from asc.training.recipe import Recipe


def wait_for_rows(partial: Path) -> None:
    """Wait until a growing store has rows."""
    wait_for(
        lambda: partial.exists() and FeatureStore(partial, partial=True).status().any()
    )


def sentence(result: subprocess.CompletedProcess, code: int) -> str:
    """Check an exit code; return standard error."""
    assert result.returncode == code, result.stderr
    if code not in (0, 4):
        assert result.stderr.strip(), "a failure without a word"
    return result.stderr


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, small_store: Path) -> Path:
    """Return a folder with a store and a run that was trained on it by command."""
    folder = tmp_path_factory.mktemp("trained")
    shutil.copy(small_store, folder / "small.h5")
    result = call_command(
        "asc-train",
        *("small.h5", "--split", "recording", "--epochs", 2, "--model", "simple-cnn"),
        *("--run", "run", "--batch-size", 8),
        cwd=folder,
    )
    assert result.returncode == 0, result.stderr
    assert "split recording" in result.stdout and "leakage 0 %" in result.stdout
    assert "split recording, leakage of validation 0 %, " in result.stdout
    return folder


@pytest.mark.parametrize("command", list(COMMANDS))
def test_help_tells_codes_or_defaults_without_loading_anything(command, tmp_path):
    loaded = "import sys; sys.argv = ['x', '--help']; " + (
        COMMANDS[command].replace("; ", "\ntry:\n ").replace("main()", "main()")
        + "\nexcept SystemExit: print(sorted(m for m in sys.modules if '.' not in m))"
    )
    loaded = loaded.replace("import sys; ", "import sys\n", 1)
    loaded = loaded.replace("']; ", "']\n", 1)
    result = run_python(loaded, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for heavy in ("tensorflow", "librosa", "h5py", "scipy", "numpy", "joblib"):
        assert f"'{heavy}'" not in result.stdout.splitlines()[-1]
    assert "Example" in result.stdout


def test_train_help_shows_the_default_of_every_field_of_the_recipe(tmp_path):
    text = " ".join(call_command("asc-train", "--help", cwd=tmp_path).stdout.split())
    text = text.replace("- ", "-")  # lines are broken at hyphens
    for field in fields(Recipe):
        assert option_name(field.name) in text
        if isinstance(field.default, bool):
            assert "--no-" + field.name in text
        elif field.default not in (None, ()):
            assert f"[default: {field.default}]" in text


def test_usage_errors_exit_2_and_offer_the_nearest_name(tmp_path, small_store):
    assert "'train'" in sentence(run_command("asc", "trian", cwd=tmp_path), 2)
    shutil.copy(small_store, tmp_path / "s.h5")
    for arguments, hint in (
        (("asc", "store", "infos", "s.h5"), "'info'"),
        (("asc-train", "s.h5", "--epocs", 1), "--epochs"),
        (("asc-train", "s.h5", "--model", "simple-cn"), "'simple-cnn'"),
        (("asc-train", "s.h5", "--split", "fold7"), "fold1"),
        (("asc-train", "s.h5", "--augment", "mixupp"), "'mixup'"),
        (("asc-train", "s.h5", "--epochs", 0), "epochs"),
        (("asc-train",), "STORE"),
        (("asc", "store", "preview", "s.h5", "--clip", "nothing"), "nothing"),
    ):
        assert hint in sentence(call_command(*arguments, cwd=tmp_path), 2)


def test_missing_or_foreign_input_exits_3_or_5(tmp_path):
    (tmp_path / "text.h5").write_text("not HDF5")
    (tmp_path / "empty").mkdir()
    told = sentence(run_command("asc", "store", "info", "text.h5", cwd=tmp_path), 5)
    assert "not an HDF5 file" in told
    for arguments, code, hint in (
        (("asc-extract", "nowhere"), 3, "nowhere"),
        (("asc-extract", "empty", "s.h5"), 3, "There is no audio in empty"),
        (("asc", "corpus", "info", "nowhere"), 3, "nowhere"),
        (("asc", "store", "info", "none.h5"), 3, "none.h5"),
        (("asc-train", "text.h5"), 5, "not an HDF5 file"),
        (("asc", "predict", "empty", "x.wav"), 3, "recipe.json"),
        (("asc", "evaluate", "empty"), 3, "recipe.json"),
    ):
        assert hint in sentence(call_command(*arguments, cwd=tmp_path), code)


def test_extraction_by_command_fails_completes_and_refuses(own_corpus, write_wav):
    folder = own_corpus.parent
    (own_corpus / "audio" / "a000_0_1.wav").write_bytes(b"")
    small = ("--rows", 16, "--columns", 16, "--jobs", 1)
    command = ("asc-extract", own_corpus, "s.h5", *small)

    told = sentence(run_command(*command, cwd=folder), 3)
    assert "a000_0_1.wav: the file is empty" in told and "--allow-failures" in told
    assert (folder / "s.h5.partial").exists() and not (folder / "s.h5").exists()

    sentence(run_command(*command, "--allow-failures", cwd=folder), 4)
    info = json.loads(
        call_command("asc", "store", "info", "s.h5", "--json", cwd=folder).stdout
    )
    assert (info["complete"], info["clips"], info["failed"]) == (True, 23, 1)
    assert info["problems"] == 0
    told = call_command("asc", "store", "info", "s.h5", cwd=folder).stdout
    assert "left out: 1 failed clip, 0 problems of the metadata" in told
    told = call_command("asc", "store", "info", "s.h5", "--duplicates", cwd=folder)
    assert "too coarse to find near-duplicates" in sentence(told, 2)
    assert "cafe/restaurant" in info["scenes"]

    before = (folder / "s.h5").read_bytes()
    told = sentence(run_command(*command, "--n-fft", 8192, cwd=folder), 6)
    assert "spec.n_fft" in told and "4096 -> 8192" in told
    assert (folder / "s.h5").read_bytes() == before

    write_wav(own_corpus / "audio" / "a000_0_1.wav")
    result = run_command(*command, "--json", cwd=folder)
    sentence(result, 0)
    facts = json.loads(result.stdout)
    assert (facts["clips"], facts["computed"], facts["kept"]) == (24, 1, 23)


def test_dry_run_writes_nothing(own_corpus):
    folder = own_corpus.parent
    result = call_command(
        "asc-extract", own_corpus, "s.h5", "--dry-run", "--json", cwd=folder
    )
    sentence(result, 0)
    facts = json.loads(result.stdout)
    assert facts["clips"] == 24 and facts["bytes"] > 24 * 2 * 65536
    assert not list(folder.glob("s.h5*"))


def test_a_second_writer_exits_7(own_corpus):
    from asc.locking import locked

    with locked(own_corpus.parent / "s.h5"):
        told = sentence(
            run_command("asc-extract", own_corpus, "s.h5", cwd=own_corpus.parent), 7
        )
    assert f"process {os.getpid()} on " in told


def test_interrupted_extraction_exits_130_and_goes_on(own_corpus):
    folder = own_corpus.parent
    slow = (
        "import signal, time; from asc.extraction import extractor, workers as w\n"
        # A shell may have started this as a job in the background, which ignores it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "c, done = w._compute, []\n"
        # It waits after two of three batches, until it is interrupted.
        "def slow(*a):\n    done.append(len(done) == 16 and time.sleep(100))\n"
        "    return c(*a)\n"
        "w._compute, extractor._COMMIT_SECONDS = slow, 0\n"
    )
    arguments = (own_corpus, "s.h5", "--rows", 16, "--columns", 16, "--jobs", 1)
    process = subprocess.Popen(
        python_command(slow + COMMANDS["asc-extract"], *arguments),
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_rows(folder / "s.h5.partial")
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130 and "Run the same command to resume" in " ".join(
        told.split()
    )
    result = call_command("asc-extract", *arguments, "--json", cwd=folder)
    facts = json.loads(result.stdout)
    assert facts["complete"] and 0 < facts["kept"] < 24
    assert facts["kept"] + facts["computed"] == 24


@pytest.mark.parametrize("backend", ["threading", "loky"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_job_leaves_no_workers(own_corpus, backend, number):
    """SIGTERM is what job schedulers send; it ends like Ctrl-C."""
    store = own_corpus.parent / "s.h5"
    quick = (
        "import signal; from asc.extraction import workers as w\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "w._CLIPS_WORTH_A_PROCESS, w._BATCH = 1, 1\n"
    )
    pipe = own_corpus / "audio" / "d002_1_2.wav"
    code = (
        quick + "from asc.extraction import extractor as e; import os\n"
        "from asc.parallel import local\n"
        "e._COMMIT_SECONDS, local._PATIENCE = 0, 0.5\n"
        "p = e.open_writer\n"
        f"def late(*a, **k):\n os.unlink({str(pipe)!r}); os.mkfifo({str(pipe)!r})\n"
        " return p(*a, **k)\n"
        "e.open_writer = late\n" + COMMANDS["asc-extract"]
    )
    options = ("--jobs", 2, "--rows", 16, "--backend", backend)
    process = subprocess.Popen(
        python_command(code, own_corpus, store, *options),
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_rows(store.with_name("s.h5.partial"))
    process.send_signal(number)
    # The pipe to standard error closes when the last worker is gone.
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130 and "Run the same command" in told
    assert "Traceback" not in told and not list(store.parent.glob("*.work"))


def test_verify_exits_5_for_a_changed_byte(own_store):
    import h5py

    folder = own_store.parent
    sentence(call_command("asc", "store", "verify", "own.h5", cwd=folder), 0)
    with h5py.File(own_store) as file:
        place = file["features/mel"].id.get_offset() + 5 * 256 + 17
    with open(own_store, "r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1]))
    told = sentence(call_command("asc", "store", "verify", "own.h5", cwd=folder), 5)
    assert "row 5" in told and "mel" in told


def test_preview_draws_a_clip_and_a_sheet(own_store):
    folder = own_store.parent
    sentence(
        call_command("asc", "store", "preview", "own.h5", "--clip", 0, cwd=folder), 0
    )
    clip = (folder / "own.png").read_bytes()
    assert clip[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(clip[16:20]), int.from_bytes(clip[20:24])) == (640, 480)
    sentence(
        call_command("asc", "store", "preview", "own.h5", "-o", "a.svg", cwd=folder), 0
    )
    assert (folder / "a.svg").read_text().count("beach") >= 1


def test_the_backend_of_a_notebook_does_not_matter(own_store, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "module://no_such_backend")
    command = ("store", "preview", own_store, "-o", "sheet.png")
    sentence(run_command("asc", *command, cwd=own_store.parent), 0)
    assert (own_store.parent / "sheet.png").read_bytes()[:4] == b"\x89PNG"


def test_corpus_commands(tmp_path):
    options = ("--scenes", 2, "--recordings", 2, "--clips", 2, "--seconds", 0.5)
    sentence(call_command("asc", "corpus", "synth", "c", *options, cwd=tmp_path), 0)
    result = call_command("asc", "corpus", "info", "c", "--json", cwd=tmp_path)
    facts = json.loads(result.stdout)
    assert (facts["clips"], facts["recordings"], facts["seconds"]) == (8, 4, 4.0)
    sentence(call_command("asc", "corpus", "info", "c", cwd=tmp_path), 0)
    told = sentence(
        call_command("asc", "corpus", "synth", "c", "--seed", 1, cwd=tmp_path), 6
    )
    assert "seed" in told


def test_the_run_folder_is_whole_and_consistent(trained):
    folder = trained / "run"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        "recipe.json environment.json log.txt history.csv model.keras state"
        " batch.png curves.png metrics.json predictions.csv confusion.csv"
        " confusion.png".split()
    )
    metrics = json.loads((folder / "metrics.json").read_text())
    for key in (
        "accuracy class_accuracy macro_f1 log_loss per_scene confusion clips"
        " recordings ci95 split leakage model parameters feature epochs seconds seed"
    ).split():
        assert key in metrics
    with open(folder / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    right = np.mean([row["scene"] == row["predicted"] for row in rows])
    assert metrics["accuracy"] == pytest.approx(right)
    assert len(rows) == metrics["clips"] == np.sum(metrics["confusion"])


def test_a_run_is_never_overwritten(trained):
    before = (trained / "run" / "recipe.json").read_bytes()
    told = sentence(
        call_command("asc-train", "small.h5", "--run", "run", cwd=trained), 2
    )
    assert "never overwritten" in told
    assert (trained / "run" / "recipe.json").read_bytes() == before


def test_a_finished_run_stays_as_it_is(trained):
    before = {path: path.stat().st_mtime_ns for path in (trained / "run").iterdir()}
    result = call_command("asc-train", "--resume", "run", cwd=trained)
    sentence(result, 0)
    assert "accuracy" in result.stdout
    assert before == {
        path: path.stat().st_mtime_ns for path in (trained / "run").iterdir()
    }


def test_resume_refuses_what_it_would_ignore(trained):
    told = sentence(
        call_command("asc-train", "--resume", "run", "--seed", 9, cwd=trained), 2
    )
    assert "--seed" in told


def test_a_training_that_cannot_start_leaves_no_folder(trained):
    options = ("--weights", "none.keras", "--run", "never", "--split", "recording")
    sentence(call_command("asc-train", "small.h5", *options, cwd=trained), 3)
    assert not (trained / "never").exists()


def test_evaluate_repeats_the_metrics_of_the_run(trained):
    result = call_command(
        "asc", "evaluate", "run", "--json", "-o", "again", cwd=trained
    )
    sentence(result, 0)
    told, kept = json.loads(result.stdout), trained / "run" / "metrics.json"
    kept = json.loads(kept.read_text())
    for key in ("accuracy", "confusion", "clips", "split", "leakage", "ci95"):
        assert told[key] == kept[key]
    assert told["log_loss"] == pytest.approx(kept["log_loss"], rel=1e-4)
    again = trained / "again" / "predictions.csv"
    assert len(again.read_text().splitlines()) == 1 + told["clips"]


def test_evaluate_compares_runs_with_the_first(trained):
    """A copy does not differ; on other clips nothing is compared, and that is said."""
    if not (trained / "copy").exists():
        shutil.copytree(trained / "run", trained / "copy")
    result = call_command("asc", "evaluate", "run", "copy", "--json", cwd=trained)
    sentence(result, 0)
    first, second = json.loads(result.stdout)
    assert "paired" not in first
    pair = second["paired"]
    assert (pair["with"], pair["difference"], pair["p_holm"]) == ("run", 0, 1)
    assert pair["clips"] == first["clips"]
    assert pair["recordings"] == first["recordings"]

    result = call_command("asc", "evaluate", "run", "copy", cwd=trained)
    lines = result.stdout.splitlines()
    assert lines[-2].startswith("difference from run (paired permutation test")
    assert lines[-2].endswith("1 comparison):")
    assert lines[-1].startswith("  copy: +0.0 percentage points [95 % CI ")
    # The naive interval is nowhere alone.
    naive = [line for line in lines if "naive" in line]
    assert len(naive) == 2 and all("too narrow" in line for line in naive)


def test_leakage_is_shown_of_corpus_and_store(tiny_corpus, tiny_store, tmp_path):
    """Two clips of each recording that touch: whatever random tests is a neighbour."""
    told = call_command(
        "asc", "store", "info", tiny_store, "--duplicates", cwd=tmp_path
    )
    sentence(told, 0)
    lines = {line.split()[0]: line.split() for line in told.stdout.splitlines()}
    assert lines["split"][4:] == [
        *("leakage", "adjacent", "duplicates", "near-duplicates")
    ]
    info = call_command("asc", "store", "info", tiny_store, "--duplicates", "--json")
    info = json.loads(info.stdout)
    assert info["copies"] == []
    corpus = json.loads(
        call_command(
            "asc", "corpus", "info", tiny_corpus, "--duplicates", "--json"
        ).stdout
    )
    for name, split in info["splits"].items():
        assert corpus["splits"][name].items() <= split.items()
        assert (split["duplicates"], split["copies"]) == (0, 0)
    shares = [100 * info["splits"]["random"][of] for of in ("leakage", "adjacent")]
    told = [f"{share:.1f}" for share in shares]
    assert [lines["random"][4], lines["random"][6]] == told
    assert shares[1] > 0


def test_predict_a_clip_gives_what_its_row_got_and_bad_files_exit_4(trained, few_clips):
    with open(trained / "run" / "predictions.csv", newline="") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    path, row = next(iter(rows.items()))
    (trained / "text.wav").write_text("no audio")
    result = call_command(
        "asc", "predict", "run", few_clips / path, "text.wav", "--csv", cwd=trained
    )
    assert "text.wav: not readable as audio" in sentence(result, 4)
    (told,) = csv.DictReader(io.StringIO(result.stdout))
    assert told["predicted"] == row["predicted"]
    for scene in ("beach", "bus", "cafe/restaurant", "home"):
        assert float(told[scene]) == pytest.approx(float(row[scene]), abs=1e-5)


def test_env_and_models_print_json(tmp_path):
    facts = json.loads(call_command("asc", "env", "--json", cwd=tmp_path).stdout)
    assert facts["libraries"]["numpy"] == np.__version__
    rows = json.loads(call_command("asc", "models", "--json", cwd=tmp_path).stdout)
    counts = {row["model"]: row["parameters"] for row in rows}
    assert counts["simple-cnn"] == 33_959_279 and len(counts) == 11


def test_unexpected_failures_exit_1_and_show_a_traceback_on_request(tmp_path):
    broken = (
        "import asc.corpus\n"
        "def fail(*a): raise RuntimeError('boom')\n"
        "asc.corpus.open_corpus = fail\n"
    )
    code = broken + COMMANDS["asc-extract"]
    for options, traceback in (((), False), (("-v",), True)):
        result = run_python(code, "c", *options, cwd=tmp_path)
        assert result.returncode == 1 and "boom" in result.stderr
        assert ("Traceback" in result.stderr) is traceback


def test_extraction_never_loads_tensorflow(own_corpus: Path, tmp_path: Path):
    code = (
        "import sys\n"
        "try:\n " + COMMANDS["asc-extract"] + "\n"
        "except SystemExit as leave:\n"
        " found = {'tensorflow', 'keras'} & set(sys.modules)\n"
        " print(leave.code, sorted(found))"
    )
    result = run_python(code, own_corpus, "s.h5", "--rows", 16, cwd=own_corpus.parent)
    assert result.stdout.splitlines()[-1] == "0 []", result.stderr
