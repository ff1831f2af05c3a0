"""A caller's keys, each once and in order, from two sources that overlap.

AMI tells every key (DTMFEnd), also one pressed between two AGI commands, which no command would see. An AGI command
that waits for a key returns it at once, and is there when AMI is not. A key that AGI returned and AMI tells later is
the same one; told by AMI first, it is taken when AGI returns it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

MOST_KEYS = 32  # typed ahead; more is a child with a telephone


class KeyBuffer:
    """`wake` is called when AMI tells of a key that no command has returned yet."""

    def __init__(self) -> None:
        self.wake: Callable[[], None] | None = None
        self._ahead: deque[str] = deque(maxlen=MOST_KEYS)
        self._returned: deque[str] = deque(maxlen=MOST_KEYS)  # by AGI, of which AMI has not told yet

    def heard(self, key: str) -> None:
        """AMI's word."""
        if key in self._returned:
            while self._returned.popleft() != key:
                pass  # AMI has lost those before: it tells in order
            return
        self._returned.clear()  # AMI was away when they were pressed
        self._ahead.append(key)
        if self.wake is not None:
            self.wake()

    def returned(self, key: str) -> str:
        """AGI's word; the key to use."""
        if self._ahead and self._ahead[0] == key:
            self._ahead.popleft()
        elif not self._ahead:
            self._returned.append(key)
        return key

    def take(self) -> str:
        """The next key pressed ahead, or nothing."""
        return self._ahead.popleft() if self._ahead else ""

    def put_back(self, key: str) -> None:
        self._ahead.appendleft(key)

    def forget(self) -> None:
        self._ahead.clear()
