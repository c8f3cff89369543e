"""The broadcast of FastAPI's own tutorial: `for ws in clients: await ws.send_text(text)`."""

import json

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from benchmarks.harness.remote import Pipe
from benchmarks.peers.broadcast import serve


def main(progress: Pipe | None, pipe: Pipe) -> None:
    """Serve until the pipe ends."""
    app = FastAPI()
    clients: list[WebSocket] = []

    async def join(websocket: WebSocket, client_id: str) -> None:
        await websocket.accept()
        clients.append(websocket)
        await websocket.send_json({"type": "subscribed", "client_id": client_id})
        try:
            while True:
                await websocket.receive_text()
        except WebSocketDisconnect:
            clients.remove(websocket)

    async def broadcast(event: dict[str, object]) -> None:
        text = json.dumps(event)
        for websocket in clients:
            await websocket.send_text(text)

    app.add_api_websocket_route("/ws/{client_id}", join)
    serve(pipe, app, broadcast, progress)
