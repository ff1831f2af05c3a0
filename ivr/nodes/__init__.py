"""The node kinds, one file each. A new kind is a class here, and nothing else has to know it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ivr.nodes.assign import Assign
from ivr.nodes.base import Asking, Exit, Node, Prompt, Retry, Said, Spoken
from ivr.nodes.collect import CollectDigits
from ivr.nodes.goto import Goto
from ivr.nodes.hangup import EndCall
from ivr.nodes.language import ChooseLanguage
from ivr.nodes.menu import Menu
from ivr.nodes.queue import Queue
from ivr.nodes.say import Say

AnyNode = Annotated[
    Menu | Say | CollectDigits | ChooseLanguage | Assign | Goto | Queue | EndCall, Field(discriminator="kind")
]

__all__ = [
    "AnyNode",
    "Asking",
    "Assign",
    "ChooseLanguage",
    "CollectDigits",
    "EndCall",
    "Exit",
    "Goto",
    "Menu",
    "Node",
    "Prompt",
    "Queue",
    "Retry",
    "Said",
    "Say",
    "Spoken",
]
