"""Which model a name means: a provider's prefix, an allow-list, and the default."""

import fnmatch
import logging
from collections.abc import Mapping
from typing import Final

from blackroad.agents.models.anthropic.model import Manner
from blackroad.agents.models.anthropic.provider import AnthropicProvider
from blackroad.agents.models.echo import EchoModel
from blackroad.agents.models.ollama.provider import OllamaProvider
from blackroad.agents.models.patience import Patience
from blackroad.agents.models.text_model import Provider, TextModel
from blackroad.agents.settings import ModelsSettings
from blackroad.client import AnswerFailed

ECHO: Final = "builtin/echo"
OLLAMA_DEFAULT: Final = "llama3.2:3b"

log = logging.getLogger("blackroad.agents")


class ModelRegistry:
    """Finds models by name, `<provider>/<name>`."""

    def __init__(self, settings: ModelsSettings, providers: Mapping[str, Provider] | None = None):
        self._allow = settings.allow
        self._echo = EchoModel(settings.echo_words_per_second)
        self.providers: Mapping[str, Provider] = (
            _providers(settings) if providers is None else providers
        )

    def allowed(self, name: str) -> bool:
        """Tell whether the allow-list has the name."""
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self._allow)

    def find(self, name: str) -> TextModel:
        """Return the model of a name. Raises AnswerFailed: model_not_found, model_unavailable."""
        # ECHO's own model is always allowed to ECHO.
        if name == ECHO:
            return self._echo
        provider, _, short = name.partition("/")
        known = self.providers.get(provider)
        if not short or known is None:
            raise AnswerFailed("model_not_found", f"There is no model {name}.")
        if not self.allowed(name):
            raise AnswerFailed("model_not_found", f"The model {name} is not allowed here.")
        return known.model(short)

    def with_provider(self, name: str) -> str:
        """Return a bare name as Ollama's, where bare names of models come from."""
        provider = name.partition("/")[0]
        return name if provider == "builtin" or provider in self.providers else f"ollama/{name}"

    async def close(self) -> None:
        """Close all idle connections to providers. Idempotent."""
        for provider in self.providers.values():
            await provider.close()


def _providers(settings: ModelsSettings) -> dict[str, Provider]:
    patience = Patience(
        settings.connect_seconds, settings.first_token_seconds, settings.silence_seconds
    )
    manner = Manner(patience, settings.max_tokens, settings.thinking_tokens)
    return {
        "ollama": OllamaProvider(patience, settings.max_tokens),
        "anthropic": AnthropicProvider(manner),
    }


async def default_model(settings: ModelsSettings, registry: ModelRegistry) -> str:
    """Return the model of agents that name none, and log which and why."""
    wanted = f"ollama/{OLLAMA_DEFAULT}"
    if settings.default:
        name, why = registry.with_provider(settings.default), "as set"
    elif registry.allowed(wanted) and await _listed(registry, OLLAMA_DEFAULT):
        name, why = wanted, "Ollama lists it"
    else:
        name, why = ECHO, f"no Ollama answers that lists {OLLAMA_DEFAULT}"
    log.info("the default model is %s (%s)", name, why)
    return name


async def _listed(registry: ModelRegistry, model: str) -> bool:
    ollama = registry.providers.get("ollama")
    return ollama is not None and model in (await ollama.models() or ())
