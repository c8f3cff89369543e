"""Which model a name means: a provider's prefix, an allow-list, and the default."""

import fnmatch
import logging
import os
from collections.abc import Callable, Mapping
from typing import Final

import httpx

from blackroad.agents.models.echo import EchoModel
from blackroad.agents.models.text_model import TextModel
from blackroad.agents.settings import ModelsSettings
from blackroad.client import AnswerFailed

ECHO: Final = "builtin/echo"
OLLAMA_DEFAULT: Final = "llama3.2:3b"
# Providers that the design names; those without an adapter here are told apart from unknown ones.
KNOWN_PROVIDERS: Final = ("builtin", "ollama", "anthropic")
_PROBE_SECONDS: Final = 1.0

# Makes the model of a name without its prefix. Raises AnswerFailed where there is none.
Provider = Callable[[str], TextModel]

log = logging.getLogger("blackroad.agents")


class ModelRegistry:
    """Finds models by name, `<provider>/<name>`."""

    def __init__(self, settings: ModelsSettings, providers: Mapping[str, Provider] | None = None):
        self._allow = settings.allow
        self._echo = EchoModel(settings.echo_words_per_second)
        self._providers: dict[str, Provider] = {"builtin": self._builtin, **(providers or {})}

    @property
    def served(self) -> list[str]:
        """The models that a worker registers: each provider's, as far as the list allows."""
        offered = {"builtin": ECHO}
        names = [offered.get(provider, f"{provider}/*") for provider in self._providers]
        return [name for name in names if name.endswith("/*") or self.allowed(name)]

    def allowed(self, name: str) -> bool:
        """Tell whether the allow-list has the name. ECHO's own model is always allowed to ECHO."""
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self._allow)

    def has(self, provider: str) -> bool:
        """Tell whether there is an adapter for a provider."""
        return provider in self._providers

    def find(self, name: str) -> TextModel:
        """Return the model of a name. Raises AnswerFailed: model_not_found, model_unavailable."""
        provider, _, short = name.partition("/")
        if not short or provider not in KNOWN_PROVIDERS:
            raise AnswerFailed("model_not_found", f"There is no model {name}.")
        if name != ECHO and not self.allowed(name):
            raise AnswerFailed("model_not_found", f"The model {name} is not allowed here.")
        make = self._providers.get(provider)
        if make is None:
            text = f"This version has no adapter for {provider}: {name} cannot answer."
            raise AnswerFailed("model_unavailable", text)
        return make(short)

    def _builtin(self, short: str) -> TextModel:
        if short != "echo":
            raise AnswerFailed("model_not_found", f"There is no model builtin/{short}.")
        return self._echo


async def default_model(settings: ModelsSettings, registry: ModelRegistry) -> str:
    """Return the model of agents that name none, and log which and why."""
    if settings.default:
        name, why = _with_provider(settings.default), "as set"
    elif registry.has("ollama") and await _ollama_lists(OLLAMA_DEFAULT):
        name, why = f"ollama/{OLLAMA_DEFAULT}", "Ollama lists it"
    else:
        name, why = ECHO, "no other model is at hand"
    log.info("the default model is %s (%s)", name, why)
    return name


def _with_provider(name: str) -> str:
    """Return a bare name as Ollama's, where bare names of models come from."""
    return name if name.partition("/")[0] in KNOWN_PROVIDERS else f"ollama/{name}"


async def _ollama_lists(model: str) -> bool:
    """Ask the local Ollama for a model; any failure to answer is a no."""
    host = os.environ.get("OLLAMA_HOST") or "127.0.0.1:11434"
    url = host if "://" in host else f"http://{host}"
    try:
        async with httpx.AsyncClient(timeout=_PROBE_SECONDS, trust_env=False) as http:
            tags = (await http.get(f"{url}/api/tags")).raise_for_status().json()
        return any(each["name"] == model for each in tags["models"])
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
        return False
