"""`run --reload`: the file again after a change, and nothing left after a signal."""

import asyncio
import os
import signal
import sys
from pathlib import Path

SCRIPT = "import time\nprint('{text}', flush=True)\ntime.sleep(60)\n"


async def test_a_changed_file_is_run_again_and_a_signal_ends_it(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(SCRIPT.format(text="one"))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "blackroad.cli", "run", str(file), "--reload"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert await process.stdout.readline() == b"one\n"
        file.write_text(SCRIPT.format(text="two, and longer"))
        os.utime(file, (1, 1))
        assert await process.stdout.readline() == b"two, and longer\n"
        process.send_signal(signal.SIGTERM)
        assert await process.stdout.read() == b""  # the script's end of the pipe is closed too
        assert await process.wait() == 0
