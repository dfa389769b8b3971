"""This room works on a real warehouse."""

from support.fixtures import archive, server, settings, warehouse

__all__ = ["archive", "server", "settings", "warehouse"]
