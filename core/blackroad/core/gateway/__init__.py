"""The trunk to an edge, core side: many browser sessions over three streams."""
