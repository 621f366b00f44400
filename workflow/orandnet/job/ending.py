"""How a command ends: the line it says, its exit code, and nothing that comes after."""

import errno
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from orandnet.files.atomic import OF_THE_DISK
from orandnet.job.progress import say

INTERRUPTED = 130  # exit code after Ctrl-C, as shells give it
_REMEDIES = {
    **dict.fromkeys(OF_THE_DISK, "make room, or have results/ on another disk"),
    errno.EACCES: "change its permissions",
    errno.EPERM: "change its permissions",
    errno.ENOTDIR: "move away the file that lies where a folder belongs",
    errno.EEXIST: "move away the file that lies where a folder belongs",
    errno.EISDIR: "move away the folder that lies where a file belongs",
    errno.ENAMETOOLONG: "use shorter names",
    errno.EMFILE: "raise the limit of open files (ulimit -n), or use fewer shards",
}


def in_one_line(error: BaseException) -> str | None:
    """Return what a fault that a user can mend is told as; None for a fault of the program.

    Args:
        error: a ValueError says it all itself; of an OSError and of lack of memory the line names file and remedy.
    """
    if isinstance(error, OSError):
        what = error.strerror or str(error) or type(error).__name__
        name = f"{error.filename}: " if error.filename is not None else ""
        return f"{name}{what}; {_REMEDIES.get(error.errno, 'mend that and run again')}."
    if isinstance(error, ValueError):
        return str(error)
    if is_lack_of_memory(error):
        return (
            f"not enough memory ({(str(error).splitlines() or ['MemoryError'])[0][:200]}); give the job more, or lower "
            "batch_size, crop_size or scales."
        )
    return None


def is_lack_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory, of the machine or of a GPU, was not enough."""
    # torch tells it by errors of its own
    return (
        isinstance(error, MemoryError) or "allocate memory" in str(error) or type(error).__name__ == "OutOfMemoryError"
    )


def run_to_the_end(main: Callable[[], None]) -> NoReturn:
    """Run `main` and end the process as it stands, with the code that Python would end with.

    All files are closed by then. To take torch apart costs a third of what its import does; and while the interpreter
    takes itself apart, a thread that is in the middle of reading ahead can bring down the whole process with another
    code ("terminate called without an active exception"), so that a stopped training would count as failed.
    """
    code = 0
    try:
        main()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
        if isinstance(stop.code, str):
            say(stop.code)
    except KeyboardInterrupt:
        say("interrupted.")
        code = INTERRUPTED
    except BaseException:
        traceback.print_exc()
        code = 1
    _end_children()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # closed by who read it
            stream.flush()
    os._exit(code)


def _end_children() -> None:
    """End the processes that load a training's data, which else would notice only seconds later that they are alone."""
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is not None:
        for child in multiprocessing.active_children():
            child.kill()  # they leave other signals alone
