"""The node kinds, one file each. A new kind is a class here, and nothing else has to know it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ivr.nodes.announce import Announce
from ivr.nodes.assign import Assign
from ivr.nodes.base import Asking, Exit, Node, Prompt, Retry, Said, Spoken
from ivr.nodes.branch import Fork
from ivr.nodes.callback import OfferCallback
from ivr.nodes.collect import CollectDigits
from ivr.nodes.goto import Goto
from ivr.nodes.hangup import EndCall
from ivr.nodes.hours import Hours
from ivr.nodes.language import ChooseLanguage
from ivr.nodes.lookup import AskService
from ivr.nodes.menu import Menu
from ivr.nodes.queue import Queue
from ivr.nodes.request import MakeRequest
from ivr.nodes.say import Say
from ivr.nodes.speak_ticket import SpeakTicket
from ivr.nodes.subflow import CallFlow, Return
from ivr.nodes.survey import AskSurvey
from ivr.nodes.transfer import TransferCall
from ivr.nodes.voicemail import LeaveMessage

AnyNode = Annotated[
    Menu
    | Say
    | CollectDigits
    | ChooseLanguage
    | Hours
    | Fork
    | Assign
    | AskService
    | SpeakTicket
    | Announce
    | MakeRequest
    | AskSurvey
    | CallFlow
    | Return
    | Goto
    | TransferCall
    | LeaveMessage
    | OfferCallback
    | Queue
    | EndCall,
    Field(discriminator="kind"),
]

__all__ = [
    "Announce",
    "AnyNode",
    "AskService",
    "AskSurvey",
    "Asking",
    "Assign",
    "CallFlow",
    "ChooseLanguage",
    "CollectDigits",
    "EndCall",
    "Exit",
    "Fork",
    "Goto",
    "Hours",
    "LeaveMessage",
    "MakeRequest",
    "Menu",
    "Node",
    "OfferCallback",
    "Prompt",
    "Queue",
    "Retry",
    "Return",
    "Said",
    "Say",
    "SpeakTicket",
    "Spoken",
    "TransferCall",
]
