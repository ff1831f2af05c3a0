"""Port: PINs of contacts. One contract suite for all (tests/port_contracts/test_hotline.py)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime

from ticketing.domain.contact import ContactId
from ticketing.domain.pin import PinVerdict


class ContactPins(ABC):
    """Only hashes are kept (argon2id). Every method raises DatabaseError when the database cannot be asked."""

    @abstractmethod
    async def set_pin(self, contact_id: ContactId, pin: str | None) -> None:
        """Give a (new) PIN and end a lock; None takes it away. Raises InvalidPinError, ContactNotFoundError."""

    @abstractmethod
    async def check(self, contact_id: ContactId, pin: str, at: datetime) -> PinVerdict:
        """Wrong ones are counted over all calls (`ticketing.domain.pin`), also those that come at once."""
