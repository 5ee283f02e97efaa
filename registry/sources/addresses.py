"""Addresses of files, as they are told from paths and as they are shown."""

from __future__ import annotations

from urllib.parse import urlsplit


def is_address(text: str) -> bool:
    """Whether a text is an address and no path."""
    return text.startswith(("https://", "http://"))


def shown_address(address: str) -> str:
    """An address without what may be a password or a signature in it."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
