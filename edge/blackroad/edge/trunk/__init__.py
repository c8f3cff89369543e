"""The edge's way to its core: many browser sessions over three streams of one connection."""

from blackroad.edge.trunk.hearer import Hearer
from blackroad.edge.trunk.opening import Opening
from blackroad.edge.trunk.options import TrunkOptions
from blackroad.edge.trunk.session import Session
from blackroad.edge.trunk.trunk import Trunk

__all__ = ["Hearer", "Opening", "Session", "Trunk", "TrunkOptions"]
