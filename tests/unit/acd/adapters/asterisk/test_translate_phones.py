"""Device states into facts of agents' phones."""

from __future__ import annotations

import pytest

from acd.adapters.asterisk.translate import device_state
from acd.service.ports import DoNotDisturb, PhoneReachable


@pytest.mark.parametrize(
    ("device", "state", "fact"),
    [
        ("PJSIP/agent-1001", "UNAVAILABLE", PhoneReachable("1001", False)),
        ("PJSIP/agent-1001", "NOT_INUSE", PhoneReachable("1001", True)),
        ("PJSIP/agent-1001", "BUSY", PhoneReachable("1001", True)),
        ("PJSIP/agent-1001", "UNKNOWN", PhoneReachable("1001", True)),
        ("Custom:DND1001", "BUSY", DoNotDisturb("1001", True)),
        ("Custom:DND1001", "INUSE", DoNotDisturb("1001", True)),
        ("Custom:DND1001", "NOT_INUSE", DoNotDisturb("1001", False)),
        ("PJSIP/trunk", "UNAVAILABLE", None),
        ("PJSIP/agent-1001-0000002a", "UNAVAILABLE", None),
        ("Custom:DNDtrunk", "BUSY", None),
        ("", "", None),
    ],
)
def test_device_states(device: str, state: str, fact: object) -> None:
    assert device_state(device, state) == fact
