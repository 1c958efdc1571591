"""Pictures, tables and networks of graphs, and pictures of training."""

from .drawing import Picture, draw
from .networks import to_networkx
from .summary import Summary, summary

__all__ = ["Picture", "Summary", "draw", "summary", "to_networkx"]
