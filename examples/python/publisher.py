"""A publisher: `python publisher.py CHANNEL TEXT...` publishes each text as one event."""

import asyncio
import sys

from blackroad.client import Client


async def main(channel: str, texts: list[str]) -> None:
    async with Client() as client:
        for text in texts:
            published = await client.publish(channel, text)
            print(published.offset, published.event_id)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
