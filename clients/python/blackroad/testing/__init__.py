"""For tests of your own agents: a real server, and a clock that a test sets on."""

from blackroad.testing.clock import FakeClock
from blackroad.testing.server import RealtimeServer, ServerError, start
from blackroad.testing.serving import Serving

__all__ = ["FakeClock", "RealtimeServer", "ServerError", "Serving", "start"]
