"""The sentences for what a Hub refuses or fails to do: one line, the model by name, the next step.

Text that comes from a server is foreign: it is cut, put on one line, freed of control characters, and any
credential in it is blotted out before it gets into a message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from registry.errors import (
    BadAnswer,
    Disabled,
    Gated,
    NoSuchFile,
    NoSuchRevision,
    NotVisible,
    Offline,
    RateLimited,
    ServerFault,
    SourceError,
    Unauthorized,
    Unreachable,
)

LONGEST_DETAIL = 200

_CREDENTIALS = (
    (re.compile(r"\b(hf|api_org|oauth)_[A-Za-z0-9]{6,}"), "[token]"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s'\",;]+"), r"\1 [token]"),
    (re.compile(r"(?i)(://)[^/@\s]+@"), r"\1"),
    (re.compile(r"(://[^\s?'\"]+)\?[^\s'\"]*"), r"\1"),  # Signed addresses carry their key in the query.
)


@dataclass(frozen=True, slots=True)
class Topic:
    """What a request is about: a model, and of it a revision or a file."""

    model: str
    revision: str | None = None
    file: str | None = None

    def __str__(self) -> str:
        name = self.model if self.revision is None else f"{self.model}@{self.revision}"
        return name if self.file is None else f"{self.file} of {name}"


@dataclass(frozen=True, slots=True)
class Host:
    """Who was asked. known: whether we showed a token. endpoint: its address without credentials."""

    endpoint: str
    known: bool

    @property
    def name(self) -> str:
        return urlsplit(self.endpoint).netloc.rpartition("@")[2]


def scrub(text: str, token: str | None) -> str:
    """Foreign text as it may stand in a message: one printable line without credentials."""
    if token:
        text = text.replace(token, "[token]")
    text = text[: 10 * LONGEST_DETAIL]
    for pattern, instead in _CREDENTIALS:
        text = pattern.sub(instead, text)
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= LONGEST_DETAIL else line[: LONGEST_DETAIL - 3] + "..."


def fault(
    kind: type[SourceError], topic: Topic, host: Host, *, status: int | None = None, detail: str = ""
) -> SourceError:
    """The error of this kind, worded. detail: what the server or the network said, already scrubbed."""
    message, hint = _WORDS[kind](topic, host, f" ({status})" if status else "", detail)
    return kind(message, hint=hint)


def _not_visible(topic: Topic, host: Host, _status: str, _detail: str) -> tuple[str, str]:
    if host.known:
        return (
            f"{topic.model} does not exist on {host.name}, or this token cannot see it",
            "check the spelling, and the account with `hf auth whoami`",
        )
    return (
        f"{topic.model} is absent from {host.name} or not visible without a token",
        "check the spelling; for a private model log in with `hf auth login` or set HF_TOKEN",
    )


def _gated(topic: Topic, host: Host, _status: str, _detail: str) -> tuple[str, str]:
    return (
        f"{topic} is gated and its terms have not been accepted by "
        + ("this account" if host.known else "an account we know of"),
        f"accept them at {host.endpoint}/{topic.model}"
        + ("" if host.known else ", then log in with `hf auth login`"),
    )


def _disabled(topic: Topic, host: Host, _status: str, _detail: str) -> tuple[str, str]:
    return (
        f"{topic.model} was disabled by {host.name}",
        f"its page may say why: {host.endpoint}/{topic.model}",
    )


def _no_revision(topic: Topic, host: Host, _status: str, _detail: str) -> tuple[str, str]:
    return (
        f"{topic.model} has no revision {topic.revision or 'main'!r}",
        f"branches and tags are listed at {host.endpoint}/{topic.model}/tree/main",
    )


def _no_file(topic: Topic, host: Host, _status: str, _detail: str) -> tuple[str, str]:
    return (
        f"{topic.model} has no {'file list' if topic.file is None else f'file {topic.file!r}'}"
        + (f" at {topic.revision}" if topic.revision else ""),
        f"its files are listed at {host.endpoint}/{topic.model}/tree/main",
    )


def _unauthorized(topic: Topic, host: Host, status: str, detail: str) -> tuple[str, str]:
    said = f": {detail}" if detail else ""
    if host.known:
        return (
            f"{host.name} refused the token{status} when asked for {topic}{said}",
            "make a token with read access, then `hf auth login` or set HF_TOKEN",
        )
    return (
        f"{host.name} refused to show {topic}{status}{said}",
        "log in with `hf auth login` or set HF_TOKEN",
    )


def _rate_limited(topic: Topic, host: Host, _status: str, detail: str) -> tuple[str, str]:
    return (
        f"{host.name} takes no more requests for now: {topic} was not read"
        + (f"; {detail}" if detail else ""),
        ("" if host.known else "a token raises the limit: `hf auth login`; ")
        + "come back then, or wait longer with REGISTRY_MAX_WAIT (seconds)",
    )


def _server_fault(topic: Topic, host: Host, status: str, detail: str) -> tuple[str, str]:
    return (
        f"{host.name} failed to answer for {topic}{status}" + (f": {detail}" if detail else ""),
        "try again later; what was read before is kept",
    )


def _unreachable(topic: Topic, host: Host, _status: str, detail: str) -> tuple[str, str]:
    return (
        f"cannot reach {host.name} for {topic}" + (f": {detail}" if detail else ""),
        "check the network, the proxy settings and HF_ENDPOINT; HF_HUB_OFFLINE=1 answers from the Hub cache",
    )


def _bad_answer(topic: Topic, host: Host, status: str, detail: str) -> tuple[str, str]:
    return (
        f"{host.name} gave a broken answer for {topic}{status}" + (f": {detail}" if detail else ""),
        "try again; if it stays, check that HF_ENDPOINT is a Hub and no proxy changes its answers",
    )


def _offline(topic: Topic, _host: Host, _status: str, _detail: str) -> tuple[str, str]:
    return (
        f"{topic} was not asked for: HF_HUB_OFFLINE switches the network off",
        "unset HF_HUB_OFFLINE, or read what the Hub cache on this disk holds",
    )


_WORDS: Mapping[type[SourceError], Callable[[Topic, Host, str, str], tuple[str, str]]] = {
    NotVisible: _not_visible,
    Gated: _gated,
    Disabled: _disabled,
    NoSuchRevision: _no_revision,
    NoSuchFile: _no_file,
    Unauthorized: _unauthorized,
    RateLimited: _rate_limited,
    ServerFault: _server_fault,
    Unreachable: _unreachable,
    BadAnswer: _bad_answer,
    Offline: _offline,
}
