"""Request and reply: one caller with 64 in flight over one Open and one Serve stream.

CPU is that of the core alone:

    python -m benchmarks.stream_calls [--calls 40000] [--flight 64] [--profile FILE]
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import grpc

from blackroad.realtime.v1 import common_pb2, stream_pb2, stream_pb2_grpc

CORE = """
import asyncio, cProfile, gc, signal, sys

import uvloop

from blackroad.core.server import CoreServer
from blackroad.core.settings import CoreSettings


async def main():
    gc.set_threshold(10_000, 50, 100)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = CoreServer(CoreSettings(grpc="127.0.0.1:0", drain_seconds=0.5))
    async with server.open() as addresses:
        print(addresses["grpc"], flush=True)
        await stop.wait()


profile = cProfile.Profile() if len(sys.argv) > 1 else None
if profile:
    profile.enable()
uvloop.run(main())
if profile:
    profile.disable()
    profile.dump_stats(sys.argv[1])
"""
HELLO = common_pb2.Hello(features=["batch"])


class Batcher:
    """Writes all that was put since the last write as one batch."""

    def __init__(self, write, request, batch) -> None:  # type: ignore[no-untyped-def]
        self._write, self._request, self._batch = write, request, batch
        self._frames: list[object] = []
        self._filled = asyncio.Event()

    def put(self, *frames: object) -> None:
        """Queue frames."""
        self._frames += frames
        self._filled.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            frames, self._frames = self._frames, []
            await self._write(self._request(batch=self._batch(frames=frames)))


async def work(stub: stream_pb2_grpc.StreamServiceStub, ready: asyncio.Event) -> None:
    """Serve ECHO: each text comes back as one chunk."""
    call = stub.Serve()
    out = Batcher(call.write, stream_pb2.ServeRequest, stream_pb2.ServeRequestBatch)
    register = stream_pb2.Register(agent="ECHO", max_concurrency=1000)
    await call.write(stream_pb2.ServeRequest(hello=HELLO))
    await call.write(stream_pb2.ServeRequest(register=register))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(out.run())
        while True:
            frame = await call.read()
            replies = []
            for one in frame.batch.frames if frame.HasField("batch") else [frame]:
                if one.HasField("registered"):
                    ready.set()
                elif one.HasField("invocation"):
                    text = one.invocation.messages[-1].parts[0].text
                    about = {"stream_id": one.stream_id, "attempt": one.attempt}
                    replies.append(
                        stream_pb2.ServeRequest(chunk=stream_pb2.Chunk(index=1, text=text), **about)
                    )
                    replies.append(
                        stream_pb2.ServeRequest(finish=stream_pb2.FinishInvocation(), **about)
                    )
            if replies:
                out.put(*replies)


async def ask(
    stub: stream_pb2_grpc.StreamServiceStub, calls: int, flight: int, took: list[float]
) -> None:
    """Keep `flight` invocations in progress until all are answered."""
    call = stub.Open()
    out = Batcher(call.write, stream_pb2.OpenRequest, stream_pb2.OpenRequestBatch)
    target = stream_pb2.Target(agent="ECHO")
    began: dict[str, float] = {}
    started = 0

    def start() -> stream_pb2.OpenRequest:
        nonlocal started
        started += 1
        began[str(started)] = time.perf_counter()
        invoke = stream_pb2.Invoke(target=target, text="hello there")
        return stream_pb2.OpenRequest(request_id=str(started), start=invoke)

    await call.write(stream_pb2.OpenRequest(hello=HELLO))
    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(out.run())
        out.put(*(start() for _ in range(flight)))
        deltas = 0
        while len(took) < calls:
            frame = await call.read()
            fresh = []
            for one in frame.batch.frames if frame.HasField("batch") else [frame]:
                match one.WhichOneof("frame"):
                    case "finished":
                        took.append(time.perf_counter() - began.pop(one.request_id))
                        if started < calls:
                            fresh.append(start())
                    case "delivery":
                        deltas += len(one.delivery.events)
                        assert one.delivery.events[0].answer.text_delta == "hello there"
                    case "started" | "welcome":
                        pass
                    case kind:
                        raise AssertionError(f"{kind}: {one}")
            if fresh:
                out.put(*fresh)
        assert deltas == calls, deltas
        writing.cancel()
    call.cancel()


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(address: str, pid: int, calls: int, flight: int) -> dict[str, float]:
    """Return the figures of one run."""
    async with (
        grpc.aio.insecure_channel(address) as callers,
        grpc.aio.insecure_channel(
            address, options=[("grpc.use_local_subchannel_pool", 1)]
        ) as workers,
    ):
        ready = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            working = tasks.create_task(work(stream_pb2_grpc.StreamServiceStub(workers), ready))
            await ready.wait()
            stub = stream_pb2_grpc.StreamServiceStub(callers)
            await ask(stub, min(calls, 2000), flight, [])
            took: list[float] = []
            cpu, wall = cpu_seconds(pid), time.perf_counter()
            await ask(stub, calls, flight, took)
            cpu, wall = cpu_seconds(pid) - cpu, time.perf_counter() - wall
            working.cancel()
    took.sort()
    return {
        "in_flight": flight,
        "calls": calls,
        "calls_per_core_cpu_second": round(calls / cpu) if cpu else 0,
        "calls_per_second": round(calls / wall),
        "p50_us": round(took[len(took) // 2] * 1e6),
        "p99_us": round(took[len(took) * 99 // 100] * 1e6),
    }


def main() -> None:
    """Print the figures as one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=40_000)
    parser.add_argument("--flight", type=int, default=64)
    parser.add_argument("--profile", default="")
    options = parser.parse_args()
    command = [sys.executable, "-c", CORE, *([options.profile] if options.profile else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as core:
        assert core.stdout is not None
        address = core.stdout.readline().strip()
        try:
            result = asyncio.run(measure(address, core.pid, options.calls, options.flight))
            print(json.dumps(result))
        finally:
            core.terminate()


if __name__ == "__main__":
    main()
