"""Follows a pattern and posts each event to a URL, signed: `python forward.py PATTERN URL`.

What it sends is as standardwebhooks.com has it, so that the libraries for it check the signature.
WEBHOOK_SECRET is `whsec_` and base64 of 24 to 64 bytes. Each event is sent at least once, in order;
`webhook-id` is the event's own id, so that a receiver can tell what it has seen already. The place
is kept in a file: started again, it goes on where it was.
"""

import asyncio
import base64
import hmac
import json
import os
import random
import sys
import time
from pathlib import Path

import httpx

from blackroad.client import Client, Event, Gap

FAILED = "webhooks.failed"
ATTEMPTS = int(os.environ.get("WEBHOOK_ATTEMPTS", "8"))
FIRST_PAUSE, LONGEST_PAUSE = float(os.environ.get("WEBHOOK_PAUSE", "0.5")), 60.0
PASSING = {408, 425, 429, 500, 502, 503, 504}


def signature(secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return what shows that the body is ours: HMAC-SHA256 of id, time and body."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def message(item: Event | Gap) -> tuple[str, bytes]:
    """Return an id and a body: an event's, or a gap's, since a receiver must hear of holes."""
    if isinstance(item, Event):
        content = item.content
        shown = base64.b64encode(content).decode() if isinstance(content, bytes) else content
        names = {"channel": item.channel, "event_id": item.event_id, "offset": item.offset}
        kind, data = item.type, {**names, "from": item.sender, "content": shown}
        webhook_id, at = item.event_id, item.create_time.isoformat()
    else:
        kind, data = "gap", {"channel": item.channel, "reason": item.reason}
        webhook_id, at = f"gap_{item.cursor}", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return webhook_id, json.dumps({"type": kind, "timestamp": at, "data": data}).encode()


async def send(http: httpx.AsyncClient, url: str, secret: str, item: Event | Gap) -> str:
    """Post one event; return nothing, or why the receiver will not have it."""
    webhook_id, body = message(item)
    why = ""
    for attempt in range(ATTEMPTS):
        at = int(time.time())
        headers = {
            "content-type": "application/json",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(at),
            "webhook-signature": signature(secret, webhook_id, at, body),
        }
        pause = random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt))  # noqa: S311
        try:
            answer = await http.post(url, content=body, headers=headers)
        except httpx.TransportError as error:
            why = type(error).__name__
        else:
            if answer.is_success:
                return ""
            why = f"HTTP {answer.status_code}"
            if answer.status_code not in PASSING:
                return why
            asked = answer.headers.get("retry-after", "")
            pause = max(pause, min(LONGEST_PAUSE, float(asked) if asked.isdigit() else 0))
        print(f"{webhook_id}: {why}, attempt {attempt + 1} of {ATTEMPTS}", file=sys.stderr)
        if attempt + 1 < ATTEMPTS:
            await asyncio.sleep(pause)
    return why


def keep(place: Path, cursor: str) -> None:
    """Keep a cursor: a crash leaves the old one or the new one."""
    beside = place.with_suffix(".new")
    beside.write_text(cursor)
    beside.replace(place)


async def main(pattern: str, url: str, place: Path, cursor: str | None) -> None:
    """Forward until it is ended."""
    secret = os.environ["WEBHOOK_SECRET"]
    async with (
        Client() as client,
        httpx.AsyncClient(timeout=10, follow_redirects=False) as http,
        client.announce(metadata={"forwards": pattern}),
        client.subscribe(pattern, cursor) as subscription,
    ):
        print(f"forwarding {pattern} to {url}", flush=True)
        async for item in subscription:
            if isinstance(item, Event | Gap) and (why := await send(http, url, secret, item)):
                webhook_id, body = message(item)
                failed = {"url": url, "why": why, "message": json.loads(body)}
                await client.publish(FAILED, failed, idempotency_key=webhook_id)
            keep(place, subscription.cursor)


if __name__ == "__main__":
    where = Path(os.environ.get("WEBHOOK_PLACE", "webhook.cursor"))
    kept = where.read_text() if where.exists() else None
    asyncio.run(main(sys.argv[1], sys.argv[2], where, kept))
