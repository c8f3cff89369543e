"""The prompts of one chat WebSocket whose answers have not ended, by the client's ids."""

from typing import Final

from blackroad.edge.errors import Refusal

MAX_AT_ONCE: Final = 64


class Prompt:
    """One prompt: its answer's id comes later, a cancel perhaps before."""

    __slots__ = ("cancelled", "request_id", "stream_id")

    def __init__(self, request_id: str | None) -> None:
        self.request_id = request_id
        self.stream_id = ""
        self.cancelled = False


class Prompts:
    """At most 64 prompts, each `id` once at a time."""

    __slots__ = ("_ended", "_prompts")

    def __init__(self) -> None:
        self._prompts: list[Prompt] = []
        self._ended: set[str] = set()  # answers that ended before their prompt knew them

    def add(self, request_id: str | None) -> Prompt:
        """Take a prompt; Refusal `rate_limited`, or `already_exists` for an `id` in use."""
        if len(self._prompts) >= MAX_AT_ONCE:
            raise Refusal("rate_limited", f"at most {MAX_AT_ONCE} answers at once")
        if request_id is not None and any(p.request_id == request_id for p in self._prompts):
            raise Refusal("already_exists", "an answer with this `id` is in progress")
        prompt = Prompt(request_id)
        self._prompts.append(prompt)
        return prompt

    def open(self, prompt: Prompt, stream_id: str) -> None:
        """Note a prompt's answer; it may have ended meanwhile."""
        prompt.stream_id = stream_id
        if stream_id in self._ended:
            self.remove(prompt)

    def remove(self, prompt: Prompt) -> None:
        """Forget a prompt. Idempotent."""
        if prompt in self._prompts:
            self._prompts.remove(prompt)
        self._ended.discard(prompt.stream_id)

    def end(self, stream_id: str) -> str | None:
        """Forget the prompt of an answer that has ended; return its `id`."""
        for prompt in self._prompts:
            if prompt.stream_id == stream_id:
                self.remove(prompt)
                return prompt.request_id
        if any(not prompt.stream_id for prompt in self._prompts):
            self._ended.add(stream_id)
        return None

    def find(self, request_id: str | None) -> Prompt:
        """Return the prompt with this `id`, without one the only prompt; Refusal `not_found`."""
        found = [p for p in self._prompts if request_id is None or p.request_id == request_id]
        if len(found) != 1:
            raise Refusal("not_found", "no answer with this `id` is in progress")
        return found[0]
