"""Port: requests from the catalogue. One contract suite for all (tests/port_contracts/test_hotline.py)."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ticketing.domain.service_request import ServiceRequest
from ticketing.domain.ticket_number import TicketNumber


class ServiceRequests(ABC):
    """Every method raises DatabaseError when the database cannot be asked."""

    @abstractmethod
    async def open(self, request: ServiceRequest) -> TicketNumber:
        """The new ticket; the same item asked for again in the same call gives the same ticket."""

    @abstractmethod
    async def request_of(self, number: TicketNumber) -> ServiceRequest | None:
        """What was asked for by this ticket, with the answers; None for any other ticket."""
