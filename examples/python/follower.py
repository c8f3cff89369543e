"""A follower: `python follower.py PATTERN [CURSOR]` prints events; the last cursor resumes."""

import asyncio
import sys

from blackroad.client import Client, Event


async def main(pattern: str, cursor: str | None = None) -> None:
    async with Client() as client, client.subscribe(pattern, cursor) as subscription:
        print("following", pattern, subscription.cursor, flush=True)
        async for item in subscription:
            if isinstance(item, Event):
                print(item.channel, item.offset, item.content, item.cursor, flush=True)
            else:
                print("missed:", item, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
