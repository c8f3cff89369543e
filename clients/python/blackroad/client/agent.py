"""An agent: a name, what it can do, and the function that answers."""

import asyncio
import contextlib
import dataclasses
import logging
import signal
from collections.abc import Callable, Sequence
from typing import ClassVar, TypeVar

import uvloop

from blackroad.client.client import Client
from blackroad.client.event import JSONValue
from blackroad.client.job import Answerer, Replier, answerer_of
from blackroad.client.token import TokenProvider
from blackroad.client.worker import Registration, Worker

log = logging.getLogger("blackroad.client")

Function = TypeVar("Function", bound=Answerer | Replier)


class Agent:
    """Answers invocations of its name, its capabilities and its models.

    `capabilities` are what callers may ask for in place of the name. At most `max_concurrency`
    invocations run at a time. Without a name it serves `models` only. `model` names the model
    behind it for the callers' eyes; `metadata` is shown in its presence; with `publish_thinking`
    its thinking is told on `agent.<NAME>.thinking`. `url` and `token` are as for Client.
    """

    # How many of this process have begun to serve: `blackroad run` serves the one that has not.
    served: ClassVar[int] = 0

    def __init__(
        self,
        name: str = "",
        capabilities: Sequence[str] = (),
        max_concurrency: int = 1,
        *,
        models: Sequence[str] = (),
        model: str = "",
        metadata: JSONValue = None,
        publish_thinking: bool = False,
        url: str | None = None,
        token: str | TokenProvider | None = None,
    ) -> None:
        if max_concurrency < 1:
            raise ValueError("max_concurrency is at least 1")
        if not name and not models:
            raise ValueError("an agent has a name, or serves models")
        self.name = name
        self._registration = Registration(
            agent=name,
            capabilities=tuple(capabilities),
            models=tuple(models),
            max_concurrency=max_concurrency,
            metadata=metadata,
            publish_thinking=publish_thinking,
            model=model,
        )
        self._url = url
        self._token = token
        self._answerer: Answerer | None = None
        self._worker: Worker | None = None

    def answer(self, function: Function) -> Function:
        """Decorate the one `async def f(call)` that answers: by yielding text or typed parts.

        One that returns a text (or part) instead says it at once, at its end. Raises TypeError for
        what is not `async def`.
        """
        self._answerer = answerer_of(function)
        return function

    async def serve(
        self, *, client: Client | None = None, ready: Callable[[], None] | None = None
    ) -> None:
        """Answer until `drain`, over the client that is given or one of its own.

        A core that is away is waited for. `ready` is called once, when it is first registered.
        Raises Forbidden where it may not serve this, Unauthenticated.
        """
        if self._answerer is None:
            raise TypeError(f"{self.name} has no function that answers: decorate one with @answer")
        Agent.served += 1
        async with contextlib.AsyncExitStack() as stack:
            if client is None:
                client = await stack.enter_async_context(Client(self._url, self._token))
            self._worker = Worker(client, self._registration, self._answerer, ready)
            try:
                await self._worker.serve()
            finally:
                self._worker = None

    def serve_models(self, models: Sequence[str]) -> None:
        """Serve these models in place of those before, from now on; what runs goes on."""
        self._registration = dataclasses.replace(self._registration, models=tuple(models))
        if self._worker is not None:
            self._worker.register(self._registration)

    def drain(self) -> None:
        """Take no more, finish what runs, then let `serve` return. Idempotent."""
        if self._worker is not None:
            self._worker.drain()

    def run(self) -> None:
        """Serve in an event loop of its own until SIGINT or SIGTERM; a second one is the end."""
        if not logging.getLogger().handlers:
            logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._run())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, number)
        await self.serve(ready=lambda: log.info("%s is ready", self.name))

    def _stop(self, number: signal.Signals) -> None:
        """Drain, and leave the next signal to the default: the end at once."""
        for each in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        log.info("%s: draining on %s", self.name, number.name)
        self.drain()
