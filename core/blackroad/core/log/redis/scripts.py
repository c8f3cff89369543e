"""The scripts that run in the server, from the .lua files beside this one."""

from hashlib import sha1
from importlib.resources import files
from typing import Final


class Script:
    """One script, named by the hash of its text."""

    def __init__(self, flags: str, *names: str) -> None:
        here = files("blackroad.core.log.redis")
        parts = [(here / name).read_text("utf-8") for name in names]
        self.text = f"#!lua{flags}\n{''.join(parts)}"
        self.sha = sha1(self.text.encode(), usedforsecurity=False).hexdigest()


APPEND: Final = Script("", "settle.lua", "append.lua")
# The canary also trims, which must go on when the server's memory is full.
BEAT: Final = Script(" flags=allow-oom", "settle.lua", "beat.lua")
RELEASE: Final = Script(" flags=allow-oom", "release.lua")
RATES: Final = Script("", "rates.lua")
FOLD: Final = Script(" flags=allow-oom", "fold.lua")
