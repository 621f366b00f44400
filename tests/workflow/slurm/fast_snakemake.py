"""`snakemake` that looks after its SLURM jobs once a second.

The executor's pauses grow to minutes while nothing ends, and no option turns that off. Only the head process differs.
"""

import asyncio
import sys

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor


async def _sleep(self: RemoteExecutor) -> None:
    await asyncio.sleep(1)


RemoteExecutor.sleep = _sleep

if __name__ == "__main__":
    sys.exit(main())
