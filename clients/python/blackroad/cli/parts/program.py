"""Runs a user's file as Python would, then serves the agent in it that it did not run itself."""

import runpy
import sys
import traceback
from pathlib import Path
from types import TracebackType

from blackroad.cli.output import print_error
from blackroad.cli.running import FAILED, WRONG
from blackroad.client import Agent, RealtimeError


def main(file: str) -> int:
    """Return the exit status: 2 where the file runs no agent and has not exactly one."""
    sys.argv = [file]
    sys.path[0] = str(Path(file).resolve().parent)
    # Of its own faults a file is told as by Python, but without what ran it.
    sys.excepthook = lambda _, error, trace: traceback.print_exception(
        error.with_traceback(_own(error, trace, file))
    )
    try:
        return _serve(file)
    except RealtimeError as error:
        print_error(str(error))
        return FAILED


def _own(error: BaseException, trace: TracebackType | None, file: str) -> TracebackType | None:
    """Return the part of a trace that begins in the file; all of it where none does."""
    own = trace
    while own is not None and own.tb_frame.f_code.co_filename != file:
        own = own.tb_next
    return own if own is not None or isinstance(error, SyntaxError) else trace


def _serve(file: str) -> int:
    defined = runpy.run_path(file, run_name="__main__").values()
    if Agent.served:
        return 0
    agents = list({id(each): each for each in defined if isinstance(each, Agent)}.values())
    if len(agents) != 1:
        found = "has no Agent" if not agents else f"has {len(agents)} agents, and runs none of them"
        print_error(f"{file} {found}: there is nothing to serve")
        return WRONG
    agents[0].run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
