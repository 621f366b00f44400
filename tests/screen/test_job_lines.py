"""A line for each job, the log of one that failed, and one line at the end."""

import io
import logging
import re

import pytest

from orandnet.screen import job_lines
from orandnet.screen.job_lines import OF_FILE, OF_TERMINAL, JobLines, begin, end_failed, fault_in, last_words

COMMAND = f"orandnet classifier --settings '{'x' * 2000}' &> log"


class Terminal:
    """Snakemake's logger with a terminal and a file, as its jobs use it."""

    def __init__(self, total=3, show_failed_logs=True):
        self.logger = logging.Logger("snakemake", logging.INFO)
        self.file_filter = type("Filter", (), {"printshellcmds": False, "filter": lambda *_: True})()
        for name, stream in ((OF_TERMINAL, io.StringIO()), (OF_FILE, io.StringIO())):
            handler = logging.StreamHandler(stream)
            handler.set_name(name)
            handler.addFilter(self.file_filter if name == OF_FILE else lambda record: True)
            self.logger.addHandler(handler)
        begin(self.logger, total, show_failed_logs=show_failed_logs)
        (self.lines,) = [handler for handler in self.logger.handlers if isinstance(handler, JobLines)]
        self.lines.stream = io.StringIO()

    def start(self, jobid, rule, *log):
        self.logger.info("Execute 1 jobs...", extra={"event": "job_started"})
        self.logger.info(
            "Rule", extra={"event": "job_info", "rule_name": rule, "jobid": jobid, "log": list(log), "wildcards": {}}
        )
        self.logger.info(f"Shell command: {COMMAND}", extra={"event": "shellcmd", "shellcmd": COMMAND})

    def finish(self, jobid, done, total=3):
        self.logger.info("Finished", extra={"event": "job_finished", "job_id": jobid})
        self.logger.info(None, extra={"event": "progress", "done": done, "total": total})

    def fail(self, jobid, rule, *log, message=None):
        ended = f"Command '{COMMAND}' returned non-zero exit status 1."
        text = f"RuleException:\nCalledProcessError in file x, line 1:\n{ended}"
        self.logger.error(text, extra={"event": "error", "exception": "RuleException"})
        facts = {"event": "job_error", "rule_name": rule, "jobid": jobid, "log": list(log), "rule_msg": message}
        self.logger.error("Error in rule", extra=facts)

    @property
    def shown(self):
        return re.sub(r"^\d\d:\d\d:\d\d  ", "", self.lines.stream.getvalue(), flags=re.MULTILINE).splitlines()


def test_each_job_is_a_line_and_no_command_is_shown():
    terminal = Terminal()
    terminal.start(0, "cam", "logs/cam.log")
    terminal.finish(0, done=1)
    terminal.logger.info("Select jobs to execute...")
    terminal.start(1, "all")
    terminal.logger.info("Complete log(s): x")
    assert terminal.shown == [
        "0 done, 3 left   cam                   logs/cam.log",
        "1 done, 2 left   all",
        "Complete log(s): x",
    ]
    assert terminal.file_filter.printshellcmds is True  # the file gets the commands


def test_of_a_job_that_failed_its_log_is_shown_and_the_commands_own_line_comes_last(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("reading\norandnet classifier: labels: 3 are unknown; mend them.\nthe end\n")
    terminal = Terminal()
    terminal.start(0, "classifier", str(log))
    terminal.fail(0, "classifier", str(log))
    end_failed(terminal.logger, ["snakemake.log"])
    terminal.logger.error("WorkflowError:\nAt least one job did not complete successfully.")
    terminal.lines.close()
    shown = terminal.shown
    assert f"failed: classifier, {log} says:" in shown
    assert shown[-1] == f"failed: classifier ({log}): orandnet classifier: labels: 3 are unknown; mend them."
    assert not any(COMMAND[:200] in line for line in shown)


def test_of_a_long_log_the_end_is_shown_or_nothing_where_that_is_asked(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("".join(f"step {number}\n" for number in range(1000)))
    for show, last in ((True, "step 999"), (False, f"failed: cam, {log} says:")):
        terminal = Terminal(show_failed_logs=show)
        terminal.fail(0, "cam", str(log))
        assert len(terminal.shown) == (1 + 1 + job_lines.LONGEST_LOG if show else 1)
        assert terminal.shown[-1] == last


def test_a_job_that_was_tried_again_and_succeeded_did_not_fail(tmp_path):
    terminal = Terminal()
    terminal.fail(0, "cam", message="SLURM status is: 'TIMEOUT'\nmore")
    terminal.fail(1, "irn", message="SLURM status is: 'FAILED'")
    terminal.finish(0, done=1)
    end_failed(terminal.logger, [])
    assert terminal.lines.last_words == ["failed: irn: SLURM status is: 'FAILED'"]


def test_what_failed_is_known_at_the_end_also_where_failures_are_not_shown():
    terminal = Terminal()
    terminal.lines.addFilter(lambda record: getattr(record, "event", "") != "job_error")  # as --quiet does
    terminal.fail(0, "cam", message="is wrong")
    assert terminal.shown == []
    end_failed(terminal.logger, [])
    terminal.lines.close()
    assert terminal.shown == ["failed: cam: is wrong"]


def test_the_first_of_several_failures_comes_last_and_a_stop_is_none():
    terminal = Terminal()
    for jobid, rule in enumerate(("cam", "irn")):
        terminal.fail(jobid, rule)
    assert last_words(terminal.lines.failures, []) == [
        "failed: irn: returned non-zero exit status 1",
        "failed: cam: returned non-zero exit status 1",
    ]
    assert last_words({}, ["x.log"]) == ["stopped (see x.log); the same command goes on from here."]


@pytest.mark.parametrize(
    ("lines", "ended", "line"),
    [
        (["a", "orandnet irn: is wrong.", "b"], "exit 1", "orandnet irn: is wrong."),
        (["Traceback", "KeyError: 'x'", " "], "exit 1", "KeyError: 'x'; exit 1"),
        (["irn: 5 of 9"], "died with SIGKILL", "irn: 5 of 9; died with SIGKILL"),
        ([], "exit 1", "exit 1"),
        ([], "", "ended without a word"),
    ],
)
def test_the_line_that_matters_is_found(lines, ended, line):
    assert fault_in(lines, ended) == line


def test_a_terminal_that_another_logger_writes_to_is_left_alone():
    logger = logging.Logger("snakemake")
    logger.addHandler(handler := logging.NullHandler())
    begin(logger, 1, show_failed_logs=True)
    assert logger.handlers == [handler]
    end_failed(logger, [])
