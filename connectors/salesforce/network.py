"""What became of a call that got no answer, from the error that `requests` raised."""

from __future__ import annotations

from typing import Final

import requests

_NOT_CONNECTED: Final = ("NewConnectionError", "NameResolutionError")
"""Causes deep inside an error of `requests`: no connection was made, or no address was found for the name."""


def was_sent(error: requests.RequestException) -> bool:
    """Whether the call may have had an effect."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.SSLError):
        return False
    return not any(cause in repr(error) for cause in _NOT_CONNECTED)


def reason(error: requests.RequestException) -> str:
    """Why no answer came, in a few words."""
    if isinstance(error, requests.Timeout):
        return "timeout"
    if isinstance(error, requests.exceptions.SSLError):
        return "TLS failed"
    return "connection lost" if was_sent(error) else "no connection"
