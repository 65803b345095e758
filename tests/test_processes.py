"""Worker processes: killed, orphaned, interrupted, out of step."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from asc.errors import AscError, InputError
from asc.processes import Pool


def double(task: int) -> int:
    return 2 * task


def large(task: int) -> bytes:
    return bytes(task)


def refuse(task: int) -> int:
    raise InputError(f"no {task}")


def who(task: int) -> tuple[int, str | None]:
    time.sleep(0.01)
    return os.getpid(), os.environ.get("OMP_NUM_THREADS")


def is_alive(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().split()[2]
    except OSError:
        return False


def wait_for(happened) -> bool:
    end = time.monotonic() + 20
    while not happened() and time.monotonic() < end:
        time.sleep(0.01)
    return happened()


def test_all_tasks_are_computed():
    with Pool(2) as pool:
        found = sorted(pool.compute(double, range(100), told=str))
    assert found == list(range(0, 200, 2))


def test_workers_are_several_with_so_many_threads_each():
    with Pool(2, threads=3) as pool:
        found = set(pool.compute(who, range(40), told=str))
    assert len({process for process, _ in found} - {os.getpid()}) == 2
    assert {threads for _, threads in found} == {"3"}
    assert not any(is_alive(process) for process, _ in found)


def test_what_work_raises_is_raised_here():
    with Pool(1) as pool, pytest.raises(InputError, match="no 3"):
        list(pool.compute(refuse, [3], told=str))


def test_modules_that_are_not_there_are_told():
    with Pool(1, imports=["no_such_module"]) as pool:
        with pytest.raises(ModuleNotFoundError, match="no_such_module"):
            list(pool.compute(double, [1], told=str))


def test_a_worker_that_is_killed_in_the_middle_of_an_answer_is_told():
    """Its answer is larger than what the connection holds."""
    with Pool(1) as pool:
        results = pool.compute(large, [1, 2**24, 1], told=lambda size: f"no. {size}")
        assert next(results) == b"\0"
        (worker,) = pool._workers
        assert worker.connection.poll(20)
        time.sleep(0.2)
        os.kill(worker.process.pid, signal.SIGKILL)
        with pytest.raises(
            AscError, match=r"killed \(SIGKILL\) while it was at no. 16"
        ):
            list(results)


@pytest.mark.parametrize("moment", ["starting", "working"])
def test_workers_end_with_a_parent_that_is_killed(moment):
    driver = f"""
import time
from asc.processes import Pool
with Pool(2) as pool:
    print(*(worker.process.pid for worker in pool._workers), flush=True)
    if {moment!r} == "working":
        for _ in pool.compute(time.sleep, [0, 0, 60, 60], told=str):
            print("done", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen(
        [sys.executable, "-c", driver], stdout=subprocess.PIPE, text=True
    ) as parent:
        workers = [int(word) for word in parent.stdout.readline().split()]
        if moment == "working":
            assert parent.stdout.readline() == "done\n"
        parent.kill()
    assert len(workers) == 2
    assert wait_for(lambda: not any(map(is_alive, workers)))


def test_ctrl_c_of_a_terminal_does_not_reach_workers():
    with Pool(1) as pool:
        (worker,) = pool._workers
        assert os.getpgid(worker.process.pid) != os.getpgid(0)
