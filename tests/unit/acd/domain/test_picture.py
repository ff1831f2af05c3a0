"""A picture of the state leaves nothing out."""

from __future__ import annotations

import pytest
from msgspec import DecodeError, Raw

from acd.domain.picture import DERIVED, StatePicture, restore
from acd.domain.state import State


def test_every_attribute_of_the_state_stands_in_the_picture_or_follows_from_it() -> None:
    kept = set(StatePicture.__struct_fields__) - {"idle", "reserves_called"}  # both inside the pool
    assert set(vars(State())) == kept | DERIVED | {"calls"}  # these are pieces of their own


@pytest.mark.parametrize("piece", [b"null", b"[]", b'{"rules":{}}', b"{"])
def test_what_is_no_picture_is_refused(piece: bytes) -> None:
    with pytest.raises(DecodeError):
        restore(State(), [Raw(piece)])
