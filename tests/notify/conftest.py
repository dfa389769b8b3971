"""This room works on a real warehouse, a real mail server and a real HTTP server, all on 127.0.0.1."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from local_receivers import HttpReceiver, MailReceiver
from support.fixtures import server, settings, warehouse

__all__ = ["server", "settings", "warehouse"]


@pytest.fixture
def mail_server() -> Iterator[MailReceiver]:
    with MailReceiver() as running:
        yield running


@pytest.fixture
def http_server() -> Iterator[HttpReceiver]:
    with HttpReceiver() as running:
        yield running
