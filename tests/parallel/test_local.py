"""Threads and worker processes: killed, orphaned, interrupted, left early."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from world import wait_for

from asc import registry
from asc.errors import AscError, InputError
from asc.parallel import InWork, WorkerKilled, in_processes, in_threads

RUNNERS = (in_threads, in_processes)


def numbered(*tasks):
    return dict(enumerate(tasks))


def double(task: int) -> int:
    return 2 * task


def refuse(task: int) -> int:
    raise InputError(f"no {task}")


def who(task: int) -> tuple[int, str | None]:
    time.sleep(0.01)
    return os.getpid(), os.environ.get("OMP_NUM_THREADS")


def kill_own_process(task: int) -> int:
    os.kill(os.getpid(), task)
    return task


def is_alive(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().split()[2]
    except OSError:
        return False


@pytest.mark.parametrize("run", RUNNERS)
@pytest.mark.parametrize("jobs", [1, 2])
def test_all_tasks_are_computed(run, jobs):
    found = sorted(run(double, numbered(*range(50)), jobs=jobs))
    assert found == list(range(0, 100, 2))


@pytest.mark.parametrize("run", RUNNERS)
def test_no_tasks(run):
    assert list(run(double, {}, jobs=2)) == []


def test_batches_have_all_tasks():
    found = in_processes(double, numbered(*range(50)), jobs=2, batch=8)
    assert sorted(found) == list(range(0, 100, 2))


@pytest.mark.parametrize("run", RUNNERS)
@pytest.mark.parametrize("jobs", [1, 2])
def test_what_work_raises_is_raised_here(run, jobs):
    with pytest.raises(InputError, match="no 3"):
        list(run(refuse, numbered(3), jobs=jobs))


def test_an_error_that_cannot_be_pickled_is_told():
    def fail(task):
        error = InputError("with a lock")
        error.lock = threading.Lock()
        raise error

    with pytest.raises(AscError, match="InputError: with a lock"):
        list(in_processes(fail, numbered(1), jobs=1))


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_record_of_tasks_is_a_regular_file(tmp_path, make):
    """A pipe would block for ever."""
    make(tmp_path / "work")
    for use in (InWork.numbers, lambda record: record.begin(0)):
        with pytest.raises(InputError, match="work is (no|not a) regular file"):
            use(InWork(tmp_path / "work"))


@pytest.mark.parametrize("run", RUNNERS)
def test_tasks_in_work_are_recorded(run, tmp_path):
    in_work = InWork(tmp_path / "work")
    path = in_work.path

    def seen(task):
        return InWork(path).numbers()

    found = list(run(seen, {7: "a", 3: "b"}, jobs=1, in_work=in_work))
    assert found == [[7], [3]]
    assert in_work.numbers() == []
    in_work.remove()
    assert in_work.numbers() == []


# Worker processes


def test_workers_are_several_with_so_many_threads_each():
    found = set(in_processes(who, numbered(*range(60)), jobs=2, threads=3))
    assert len({process for process, _ in found} - {os.getpid()}) == 2
    assert {threads for _, threads in found} == {"3"}


def test_one_job_is_a_process_of_its_own():
    ((process, _),) = in_processes(who, numbered(1), jobs=1)
    assert process != os.getpid()


def test_answers_of_any_size():
    """Long ones go by a file: half of one in the pipe would block it for ever."""
    sizes = [10, 5_000, 3_000_000]
    found = in_processes(bytes, numbered(*sizes), jobs=2)
    assert sorted(map(len, found)) == sizes


def test_work_and_tasks_may_be_defined_anywhere():
    offset = 5
    found = in_processes(lambda task: task() + offset, {0: lambda: 1}, jobs=1)
    assert list(found) == [6]


def test_workers_import_the_modules_of_the_user(tmp_path, monkeypatch):
    """Before they load work that refers to one, which is not on Python's path."""
    (tmp_path / "my_work.py").write_text("def work(task):\n    return 7 * task\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    monkeypatch.setattr(registry, "_IMPORTED", {})
    registry.import_modules(["my_work"])
    work = sys.modules["my_work"].work
    assert list(in_processes(work, numbered(6), jobs=1)) == [42]
    del sys.modules["my_work"]


def test_work_that_cannot_be_loaded_is_told(tmp_path, monkeypatch):
    (tmp_path / "soon_gone.py").write_text("def work(task):\n    return task\n")
    monkeypatch.syspath_prepend(tmp_path)
    import soon_gone

    (tmp_path / "soon_gone.py").unlink()
    with pytest.raises(AscError, match="cannot load its work.*soon_gone"):
        list(in_processes(soon_gone.work, numbered(1), jobs=1))


def test_a_killed_worker_is_told_with_the_tasks_in_work():
    tasks = {4: 0, 9: signal.SIGKILL}
    with pytest.raises(WorkerKilled, match=r"killed \(SIGKILL\) while at no\. 9") as (
        caught
    ):
        list(
            in_processes(
                kill_own_process,
                tasks,
                jobs=1,
                describe_task=lambda task: f"no. {int(task)}",
            )
        )
    assert caught.value.numbers == [9]
    assert caught.value.signal == "SIGKILL"
    # And the next call has workers again.
    assert list(in_processes(double, numbered(1), jobs=1)) == [2]


DRIVER = """
import os, sys, time
from asc.parallel import in_processes, in_threads

def work(task):
    os.write(2, b"%d\\n" % os.getpid())
    time.sleep(task)
    return task

run = {"loky": in_processes, "threading": in_threads}[sys.argv[1]]
for done in run(work, {0: 0.01, 1: 0.01, 2: 100, 3: 100}, jobs=2):
    print("done", done, flush=True)
"""


def start(backend: str) -> tuple[subprocess.Popen, set[int]]:
    """Start a program that is at its last two tasks; return it and its workers."""
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, backend],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    workers = {int(process.stderr.readline()) for _ in range(4)}
    return process, workers


def test_workers_end_with_a_parent_that_is_killed():
    process, workers = start("loky")
    process.kill()
    assert len(workers) == 2 and process.pid not in workers
    wait_for(lambda: not any(map(is_alive, workers)))
    process.communicate()


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_ctrl_c_of_a_terminal_ends_all_and_is_the_only_word(backend):
    """It goes to every process of the group; the parent alone acts on it."""
    process, workers = start(backend)
    os.killpg(process.pid, signal.SIGINT)
    output, words = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT  # as Python ends; not SIGABRT
    assert words.count("Traceback") == 1 and words.endswith("KeyboardInterrupt\n")
    wait_for(lambda: not any(map(is_alive, workers)))


# Leaving early


@pytest.mark.parametrize("run", RUNNERS)
def test_who_stops_reading_stops_the_work(run, tmp_path):
    """Without a warning, and nothing is in work any more."""
    begun = tmp_path / "begun"

    def work(task):
        with open(begun, "a") as file:
            file.write("1")
        return task

    results = run(work, numbered(*range(10_000)), jobs=2)
    next(results)
    results.close()
    count = begun.stat().st_size
    assert 0 < count < 5_000
    list(run(double, numbered(1, 2), jobs=2))
    assert begun.stat().st_size == count


def test_no_thread_is_in_work_when_the_reader_is_interrupted():
    inside = threading.Semaphore(0)
    left = []

    def work(task):
        inside.release()
        time.sleep(0.2 if task else 0)
        left.append(task)

    with pytest.raises(KeyboardInterrupt):
        for _ in in_threads(work, numbered(0, 1, 1, 1, 1, 1), jobs=2):
            inside.acquire()
            inside.acquire()  # another one has begun
            raise KeyboardInterrupt
    begun = len(left)
    time.sleep(0.5)
    assert len(left) == begun
