"""What a change is: a function of the state and one event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Change = Callable[[Any, Any], None]
