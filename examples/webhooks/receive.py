"""A receiver of webhooks that checks who sent them: `python receive.py PORT`."""

import base64
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

MAX_BYTES, MAX_AGE_SECONDS = 1 << 20, 300
seen: set[str] = set()  # yours is a table with a unique key


def is_ours(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Whether who sent this has the secret, and sent it lately. Compares in constant time."""
    at = headers.get("webhook-timestamp", "")
    if not at.isdigit() or abs(time.time() - int(at)) > MAX_AGE_SECONDS:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers.get('webhook-id', '')}.{at}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    shown = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(wanted, each) for each in shown)


class Receiver(BaseHTTPRequestHandler):
    """Answers 2xx once an event is safe here: only then does the sender go on."""

    def do_POST(self) -> None:
        """Take one webhook."""
        length = int(self.headers.get("content-length", "0"))
        if length > MAX_BYTES:
            self.answer(413)
            return
        body = self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        if not is_ours(os.environ["WEBHOOK_SECRET"], headers, body):
            self.answer(401)
            return
        if headers["webhook-id"] not in seen:  # it may come twice
            seen.add(headers["webhook-id"])
            said = json.loads(body)
            print(said["type"], json.dumps(said["data"].get("content")), flush=True)
        self.answer(204)

    def answer(self, status: int) -> None:
        """Answer with a status and nothing else."""
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing of each request."""


if __name__ == "__main__":
    server = HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
