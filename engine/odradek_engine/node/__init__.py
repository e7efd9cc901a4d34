"""A node: everything put together, and its life from start to stop."""

from odradek_engine.node.run import CannotRun, run

__all__ = ["CannotRun", "run"]
