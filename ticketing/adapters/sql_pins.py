"""PINs of contacts in SQLite and PostgreSQL, as argon2id hashes (RFC 9106)."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ticketing.adapters import rows
from ticketing.adapters.database import Database
from ticketing.adapters.hotline_tables import pins
from ticketing.domain.contact import ContactId
from ticketing.domain.errors import ContactNotFoundError
from ticketing.domain.pin import PinState, PinVerdict, after_failure, check_pin
from ticketing.service.pins import ContactPins

_AT_ONCE: Final = 2  # each takes about 100 ms of a core and 64 MiB: a flood of tries must not stall calls


class SqlContactPins(ContactPins):
    """`hasher`: cheaper hashes for demonstrations and tests."""

    def __init__(self, database: Database, hasher: PasswordHasher | None = None) -> None:
        self._database = database
        self._hasher = hasher or PasswordHasher()
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def set_pin(self, contact_id: ContactId, pin: str | None) -> None:
        key = rows.contact_key(contact_id)
        if pin is not None:
            check_pin(pin)
        hashed = await self._hash(pin) if pin is not None else None
        try:
            async with self._database.write() as connection:
                await connection.execute(delete(pins).where(pins.c.contact_id == key))
                if hashed is not None:
                    row = {"contact_id": key, "hashed": hashed, "failures": 0, "locked_until": None}
                    await connection.execute(insert(pins), row)
        except IntegrityError as error:
            raise ContactNotFoundError("there is no contact of this id") from error

    async def check(self, contact_id: ContactId, pin: str, at: datetime) -> PinVerdict:
        """The try is counted before the PIN is compared: many at once cannot slip past the count."""
        key = rows.contact_key(contact_id)
        async with self._database.write() as connection:
            state = await self._state(connection, key)
            if state is None:
                return PinVerdict.NONE
            if state.is_locked(at):
                return PinVerdict.LOCKED
            failures, locked_until = after_failure(state.failures, at)
            mine = update(pins).where(pins.c.contact_id == key)
            await connection.execute(mine.values(failures=failures, locked_until=locked_until))
        if not await self._is_right(state.hashed, pin):
            return PinVerdict.WRONG
        async with self._database.write() as connection:
            await connection.execute(mine.values(failures=0, locked_until=None))
        return PinVerdict.RIGHT

    async def _state(self, connection: AsyncConnection, key: int) -> PinState | None:
        statement = select(pins).where(pins.c.contact_id == key).with_for_update()
        row = (await connection.execute(statement)).mappings().first()
        if row is None:
            return None
        return PinState(hashed=row["hashed"], failures=row["failures"], locked_until=row["locked_until"])

    async def _hash(self, pin: str) -> str:
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, pin)

    async def _is_right(self, hashed: str, pin: str) -> bool:
        async with self._turns:
            return await asyncio.to_thread(self._verify, hashed, pin)

    def _verify(self, hashed: str, pin: str) -> bool:
        try:
            return self._hasher.verify(hashed, pin)
        except (VerificationError, InvalidHashError):
            return False
