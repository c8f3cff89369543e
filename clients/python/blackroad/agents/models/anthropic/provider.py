"""Whether Anthropic is configured (ANTHROPIC_API_KEY and the like, as its SDK reads them)."""

import asyncio
import importlib
import os
from typing import TYPE_CHECKING, Final

from blackroad.agents.models import failures
from blackroad.agents.models.anthropic.model import AnthropicModel, Manner
from blackroad.agents.models.anthropic.request import PROVIDER
from blackroad.agents.models.anthropic.thoughts import Thoughts
from blackroad.agents.models.text_model import TextModel

if TYPE_CHECKING:
    from blackroad.agents.models.anthropic.client import AnthropicClient

# Any of these is a credential of the SDK's.
CREDENTIALS: Final = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_PROFILE",
    "ANTHROPIC_IDENTITY_TOKEN",
    "ANTHROPIC_IDENTITY_TOKEN_FILE",
)
_LIST_SECONDS: Final = 10.0


class AnthropicProvider:
    """One client, and so one pool of connections, for all its models."""

    def __init__(self, manner: Manner) -> None:
        self._manner = manner
        self._thoughts = Thoughts()
        self._made: AnthropicClient | None = None
        self._listed: list[str] | None = None

    @property
    def configured(self) -> bool:
        """Whether there is a credential."""
        return any(os.environ.get(name) for name in CREDENTIALS)

    def model(self, name: str) -> TextModel:
        """Return the model. Raises AnswerFailed (model_unavailable) without a credential."""
        if not self.configured:
            raise failures.not_configured(PROVIDER, "set ANTHROPIC_API_KEY for `blackroad agents`.")
        return AnthropicModel(name, self._client, self._manner, self._thoughts)

    async def models(self) -> list[str] | None:
        """Return the models that it lists, asked once; none where it does not say.

        None without a credential.
        """
        if not self.configured:
            return None
        if self._listed is None:
            client = await self._client()
            from blackroad.agents.models.anthropic.failures import PROBLEMS

            try:
                async with asyncio.timeout(_LIST_SECONDS):
                    self._listed = await client.listed()
            except PROBLEMS as error:
                failures.note("anthropic", "*", error)
                self._listed = []
        return self._listed

    async def close(self) -> None:
        """Close its idle connections. Idempotent."""
        if self._made is not None:
            client, self._made = self._made, None
            await client.close()

    async def _client(self) -> "AnthropicClient":
        """Return the client, made when it is first used."""
        if self._made is None:
            # In a thread: the import takes a second, and others answer meanwhile.
            await asyncio.to_thread(importlib.import_module, f"{__package__}.client")
            from blackroad.agents.models.anthropic.client import AnthropicClient

            if self._made is None:  # another may have made it meanwhile
                self._made = AnthropicClient(self._manner.patience.connect_seconds)
        return self._made
