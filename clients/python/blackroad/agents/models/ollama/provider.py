"""Where Ollama is (OLLAMA_HOST, as its SDK reads it), and which models it has."""

import asyncio
import importlib
from typing import TYPE_CHECKING, Final

import httpx

from blackroad.agents.models.ollama.model import OllamaModel
from blackroad.agents.models.patience import Patience
from blackroad.agents.models.text_model import TextModel

if TYPE_CHECKING:
    from blackroad.agents.models.ollama.client import OllamaClient

_PROBE_SECONDS: Final = 2.0
# More than the host serves at a time: nobody waits for a connection of the pool.
_CONNECTIONS: Final = 4096


class OllamaProvider:
    """One client, and so one pool of connections, for all models of one Ollama."""

    def __init__(self, patience: Patience, max_tokens: int) -> None:
        self._patience = patience
        self._max_tokens = max_tokens
        self._made: OllamaClient | None = None

    def model(self, name: str) -> TextModel:
        """Return the model; whether Ollama has it shows when it answers."""
        return OllamaModel(name, self._client, self._patience, self._max_tokens)

    async def models(self) -> list[str] | None:
        """Return the models that it lists now; None where it does not answer within 2 s."""
        client = await self._client()
        from blackroad.agents.models.ollama.failures import PROBLEMS

        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                listed = await client.list()
        except PROBLEMS:
            return None
        return [each.model for each in listed.models if each.model]

    async def close(self) -> None:
        """Close its idle connections. Idempotent."""
        if self._made is not None:
            client, self._made = self._made, None
            await client.hang_up()

    async def _client(self) -> "OllamaClient":
        """Return the client, made when it is first used."""
        if self._made is None:
            # In a thread: the import takes long, and others answer meanwhile.
            await asyncio.to_thread(importlib.import_module, f"{__package__}.client")
            from blackroad.agents.models.ollama.client import OllamaClient

            timeout = httpx.Timeout(None, connect=self._patience.connect_seconds)
            limits = httpx.Limits(max_connections=_CONNECTIONS)
            if self._made is None:  # another may have made it meanwhile
                self._made = OllamaClient(timeout=timeout, limits=limits)
        return self._made
