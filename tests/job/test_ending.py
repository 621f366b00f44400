"""A command ends with one line and its own exit code, whatever its threads and its disk are about."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from orandnet.job import ending
from orandnet.job.ending import in_one_line

PACKAGES = Path(ending.__file__).parents[2]
# the interpreter's own end would abort the process, as a thread in the middle of C++ code does it by chance
SCRIPT = """
import atexit, os, sys, threading, time
from orandnet.job.ending import run_to_the_end
from orandnet.job.read_ahead import read_ahead

atexit.register(os.abort)

def items():
    yield 1
    time.sleep(60)

def main():
    for _ in read_ahead(items()):
        {last}

run_to_the_end(main)
"""


def end(last):
    command = [sys.executable, "-c", SCRIPT.format(last=last)]
    return subprocess.run(command, env={"PYTHONPATH": str(PACKAGES)}, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize(
    ("last", "code", "told"),
    [
        ("return", 0, ""),
        ("raise SystemExit(75)", 75, ""),
        ("raise SystemExit('a reason')", 1, "a reason\n"),
        ("raise KeyboardInterrupt", 130, "interrupted.\n"),
        ("raise RuntimeError('a fault of the program')", 1, "RuntimeError: a fault of the program\n"),
    ],
)
def test_the_exit_code_is_the_command_s_own_while_a_thread_is_at_work(last, code, told):
    done = end(last)
    assert done.returncode == code, done.stderr
    assert done.stderr.endswith(told)


def test_the_processes_that_load_data_end_with_their_command():
    script = SCRIPT.replace("def main():", "def wait():\n    time.sleep(60)\n\ndef main():").format(
        last="import multiprocessing, signal; child = multiprocessing.get_context('fork').Process(target=wait); "
        "child.start(); print(child.pid); raise SystemExit(75)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env={"PYTHONPATH": str(PACKAGES)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 75, done.stderr
    status = Path(f"/proc/{done.stdout.strip()}/status")
    assert not status.exists() or "zombie" in status.read_text()


class OutOfMemoryError(RuntimeError):
    """As torch's."""


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("a.png: is no mask; make it."), "a.png: is no mask; make it."),
        (OSError(errno.ENOSPC, "No space left on device", "r/a.npz"), "r/a.npz: No space left on device; make room"),
        (PermissionError(errno.EACCES, "Permission denied", "r"), "r: Permission denied; change its permissions"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "r/x"), "r/x: Not a directory; move away the file"),
        (OSError("the connection ended"), "the connection ended; mend that and run again."),
        (MemoryError(), "not enough memory (MemoryError); give the job more"),
        (OutOfMemoryError("CUDA out of memory.\nmore"), "not enough memory (CUDA out of memory.); give the job more"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "not enough memory (DefaultCPUA"),
    ],
)
def test_what_a_user_can_mend_is_one_line_with_the_remedy(error, line):
    assert in_one_line(error).startswith(line)


@pytest.mark.parametrize("error", [RuntimeError("shapes"), TypeError("x"), KeyError("x")])
def test_a_fault_of_the_program_keeps_its_traceback(error):
    assert in_one_line(error) is None
