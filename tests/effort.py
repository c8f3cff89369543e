"""How hard generated tests try: quickly in `make test`, with every example in `make check`."""

import os
from typing import Final

THOROUGH: Final = os.environ.get("THOROUGH") == "1"


def examples(thorough: int) -> int:
    """Return how many examples to try: so many where THOROUGH=1, else a fifth, at least five."""
    return thorough if THOROUGH else max(thorough // 5, 5)
