"""Runs a user's file as Python would, then serves the agent in it that it did not run itself."""

import runpy
import sys
from pathlib import Path

from blackroad.cli.output import print_error
from blackroad.cli.running import WRONG
from blackroad.client import Agent


def main(file: str) -> int:
    """Return the exit status: 2 where the file runs no agent and has not exactly one."""
    sys.argv = [file]
    sys.path[0] = str(Path(file).resolve().parent)
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
