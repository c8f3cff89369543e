"""A caller: `python caller.py AGENT PROMPT` prints the answer as it comes."""

import asyncio
import sys

from blackroad.client import Client, Text


async def main(agent: str, prompt: str) -> None:
    async with Client() as client:
        async for part in client.invoke(agent, prompt):
            if isinstance(part, Text):
                print(part.text, end="", flush=True)
    print()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
