"""Why a channel did not carry a message, by what may be done about it."""

from __future__ import annotations

from etl.errors import Terminal, Transient


class ChannelUnreachable(Transient):
    """Nothing was delivered, and the other side may be back soon: it may be tried again at once.

    ``wait_seconds``: how long the other side asked to be left alone; None: it did not say.
    """

    wait_seconds: float | None = None


class ChannelUnclear(Transient):
    """The connection broke after the message had been handed over: it may have arrived, so only the next run repeats."""


class ChannelUnusable(Terminal):
    """Address, login, certificate or settings: no message gets through before a person mends it."""


class MessageRefused(Terminal):
    """The other side does not take this message; others may pass."""
