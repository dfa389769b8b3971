"""TLS as we ask for it: certificates are always checked, by the system's authorities or by the one that is named."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx

from etl.errors import Terminal


def tls_context(target: str, ca_file: Path | None) -> ssl.SSLContext:
    """A context that checks certificate and host name, TLS 1.2 or newer.

    With ``ca_file`` only that authority is trusted; without, the system's and those httpx brings along.
    Raises Terminal where the file cannot be used.
    """
    if ca_file is None:
        context = httpx.create_ssl_context(trust_env=False)
        context.load_default_certs()
    else:
        try:
            context = ssl.create_default_context(cafile=str(ca_file))
        except (OSError, ssl.SSLError) as error:
            raise Terminal(
                f"{target}: ca_file {ca_file} cannot be used: {error}",
                "correct ca_file in targets.yml: a PEM file with the authority's certificate",
            ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def certificate_problem(error: BaseException) -> str | None:
    """What TLS objects to in the server, found anywhere in the chain of causes; None where it is a mere network fault."""
    link: BaseException | None = error
    for _ in range(20):
        if link is None:
            return None
        if isinstance(link, ssl.SSLCertVerificationError):
            return f"{link.verify_message} (host name or authority)"
        if isinstance(link, (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)):
            return None
        if isinstance(link, ssl.SSLError) and link.reason:
            return str(link.reason)
        link = link.__cause__ or link.__context__
    return None
