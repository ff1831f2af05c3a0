"""Password hashes (argon2id, RFC 9106), made in threads and few at a time: a flood of log-ins must not stall calls."""

from __future__ import annotations

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_AT_ONCE: Final = 2  # each takes about 100 ms of a core and 64 MiB
_NOBODYS: Final = "the password of nobody"


class PasswordHashes:
    """A lone surrogate in a password is an ordinary wrong password."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._nobodys_hash: str | None = None

    async def hash(self, password: str) -> str:
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, _encoded(password))

    async def is_right(self, stored: str | None, password: str) -> bool:
        """`stored` None (nobody of that login, or no password set) takes the same time and is False."""
        async with self._turns:
            return await asyncio.to_thread(self._verify, stored, _encoded(password))

    def is_outdated(self, stored: str) -> bool:
        """Whether it was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str | None, password: bytes) -> bool:
        if self._nobodys_hash is None:
            self._nobodys_hash = self._hasher.hash(_NOBODYS)
        try:
            self._hasher.verify(stored or self._nobodys_hash, password)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None


def _encoded(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
