"""What a hotline keeps besides calls and tickets: major incidents, surveys, PINs, requests. Ports of ticketing."""

from __future__ import annotations

from dataclasses import dataclass

from ticketing.api import ContactPins, MajorIncidents, ServiceRequests, Surveys


@dataclass(frozen=True, slots=True, kw_only=True)
class Hotline:
    incidents: MajorIncidents
    surveys: Surveys
    pins: ContactPins
    requests: ServiceRequests
