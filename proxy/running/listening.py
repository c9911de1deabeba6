"""Sockets to listen on: one alone, or one a worker at the same address."""

from __future__ import annotations

import socket

from foveate.proxy.errors import ConfigError

BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address; ConfigError where that is not possible."""
    return _listening(_bound(host, port))


def reserve(host: str, port: int) -> socket.socket:
    """Return a socket that keeps an address for workers and takes no connection; ConfigError where
    somebody else has it.
    """
    alone = listen(host, port)  # which nobody else's sockets may share
    port = alone.getsockname()[1]
    alone.close()
    return _bound(host, port, shared=True)


def listen_beside(host: str, port: int) -> socket.socket:
    """Return a socket that listens where others do: the system spreads new connections over all.

    Were it one socket for all, a worker that is free would take a whole burst of connections at once.
    """
    return _listening(_bound(host, port, shared=True))


def _listening(made: socket.socket) -> socket.socket:
    made.listen(BACKLOG)
    made.setblocking(False)
    return made


def _bound(host: str, port: int, shared: bool = False) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise ConfigError(
            f"cannot listen on {host}:{port} ({error.strerror or error}); choose another --host or --port"
        ) from None
    return made
