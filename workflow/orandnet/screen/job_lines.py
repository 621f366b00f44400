"""A line for each job on the terminal, in place of Snakemake's paragraphs with commands of two kilobytes.

Snakemake's own log file keeps the paragraphs, and gets the commands. It has no setting for this: `quiet` and
`printshellcmds` hold for terminal and file alike, and a logger of one's own would have to be installed. So the handler
that writes to the terminal is exchanged when the jobs begin. Everything else that Snakemake says passes through.
"""

import logging
import re
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

OF_TERMINAL, OF_FILE = "DefaultStreamHandler", "DefaultLogFileHandler"  # names that Snakemake gives
# said of every job, or of none in particular
SILENT = {"job_started", "job_finished", "progress", "shellcmd", "resources_info", "run_info"}
SELECTING = "Select jobs to execute..."
# of a job's shell, before the job's own record; the command stands between the two
ENDED = re.compile(r"CalledProcessError.*\nCommand '.*' ((?:returned|died) [^']*)\.$", re.DOTALL)
RULE_WIDTH = 21  # characters, of the longest name of a rule
LONGEST_LOG = 30  # lines of the log of a failed job; a training says one every ten seconds


class Failure(NamedTuple):
    """A job that failed: its rule, its log, and the line that says why."""

    rule: str
    log: str
    line: str

    def __str__(self) -> str:
        """Return it in one line."""
        return f"failed: {self.rule}{f' ({self.log})' if self.log else ''}: {self.line}"


class JobLines(logging.StreamHandler):
    """Writes the records of Snakemake's logger, those of a job as a line."""

    def __init__(self, total: int, *, show_failed_logs: bool, name: str = OF_TERMINAL):
        """Begin with `total` jobs to do."""
        super().__init__(sys.stderr)
        self.set_name(name)
        self.done, self.total, self.show_failed_logs = 0, total, show_failed_logs
        self.failures: dict[int, Failure] = {}  # a job that is tried again and succeeds is none
        self.ended = ""
        self.last_words: list[str] = []

    def handle(self, record: logging.LogRecord) -> bool:
        """Follow what happens, also what --quiet leaves out, and write what it does not."""
        event = _event(record)
        if event == "progress":
            self.done, self.total = record.done, record.total
        elif event == "job_finished":
            self.failures.pop(record.job_id, None)
        elif event == "job_error":
            self.failures[record.jobid] = self._failure(record)
        elif found := ENDED.search(str(record.msg)) if event == "error" else None:
            self.ended = found[1]
            return False
        return event not in SILENT and record.msg != SELECTING and super().handle(record)

    def format(self, record: logging.LogRecord) -> str:
        """Return what is written of a record."""
        event = _event(record)
        if event == "job_info":
            return self._of_start(record)
        if event == "job_error":
            return self._of_failure(self.failures[record.jobid])
        return super().format(record)

    def _of_start(self, record: logging.LogRecord) -> str:
        """Return how far the run is, the rule, and its log, which names the job and tells how far that is."""
        where = ", ".join(record.log) or ", ".join(f"{name}={value}" for name, value in record.wildcards.items())
        width = len(str(self.total))
        far = f"{self.done:>{width}} done, {self.total - self.done:>{width}} left"
        return f"{_clock()}  {far}   {record.rule_name:<{RULE_WIDTH}} {where}".rstrip()

    def _failure(self, record: logging.LogRecord) -> Failure:
        log = next((path for path in record.log if _lines(path)), "")
        return Failure(record.rule_name, log, fault_in(_lines(log), _first_line(record.rule_msg) or self.ended))

    def _of_failure(self, failure: Failure) -> str:
        """Return the end of the log of a job that failed."""
        if not failure.log:
            return f"{_clock()}  {failure}"
        lines = _lines(failure.log) if self.show_failed_logs else []
        more = len(lines) - LONGEST_LOG
        before = [f"(after {more} lines)"] if more > 0 else []
        return "\n".join([f"{_clock()}  failed: {failure.rule}, {failure.log} says:", *before, *lines[-LONGEST_LOG:]])

    def close(self) -> None:
        """Say the last words, which Snakemake's own would else follow."""
        words, self.last_words = self.last_words, []
        for line in words:
            self.stream.write(line + self.terminator)
        self.flush()
        super().close()


def begin(logger: logging.Logger, total: int, *, show_failed_logs: bool) -> None:
    """Write lines to the terminal from now on, and commands to Snakemake's log file.

    Nothing changes on a terminal that another logger writes to.

    Args:
        logger: Snakemake's.
        total: number of jobs that will run.
        show_failed_logs: whether the log of a failed job is shown.
    """
    for handler in list(logger.handlers):
        if handler.name == OF_TERMINAL:
            lines = JobLines(total, show_failed_logs=show_failed_logs)
            lines.filters = handler.filters  # what --quiet leaves out
            lines.setLevel(handler.level)
            logger.removeHandler(handler)
            logger.addHandler(lines)
        elif handler.name == OF_FILE:
            for its in handler.filters:
                its.printshellcmds = True


def end_failed(logger: logging.Logger, log_of_snakemake: Iterable[str]) -> None:
    """Say, after all else, what failed, the first failure last."""
    for handler in logger.handlers:
        if isinstance(handler, JobLines):
            handler.last_words = last_words(handler.failures, log_of_snakemake)


def last_words(failures: Mapping[int, Failure], log_of_snakemake: Iterable[str]) -> list[str]:
    """Return the lines that end a run that failed; without a failed job it was stopped."""
    if not failures:
        where = ", ".join(log_of_snakemake)
        return [f"stopped{f' (see {where})' if where else ''}; the same command goes on from here."]
    return [str(failure) for failure in reversed(failures.values())]


def fault_in(lines: list[str], ended: str) -> str:
    """Return what is wrong in one line: the command's own, or else its last one and how it `ended`."""
    said = [line for line in lines if line.startswith("orandnet ")]
    last = [line.strip() for line in lines if line.strip()][-1:]
    return said[-1] if said else "; ".join(filter(None, [*last, ended])) or "ended without a word"


def _event(record: logging.LogRecord) -> str:
    return str(getattr(record, "event", None) or "")


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines() if path else []
    except OSError:
        return []


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


def _clock() -> str:
    return time.strftime("%H:%M:%S")
