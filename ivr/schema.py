"""A flow as it is written in YAML: one file, one flow.

flow: hotline
languages: [fr, en]      # the first is spoken until another is known
start: language
fallback: support        # a node that ends the flow: where a caller goes when nothing else works
no_input: {fr: ...}      # said when a node has no prompt of its own for it
no_match: {fr: ...}
everywhere: {person: {key: "0", node: to_agent}, repeat: "*", back: "#"}     # what a key means unless a node has it
limits: {seconds: 600, no_input: 6, no_match: 8}    # of the whole call; beyond, to the fallback
nodes: {...}             # see ivr/nodes/
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, field_validator, model_validator

from ivr.calendar import Calendar
from ivr.model import PromptRef
from ivr.nodes import AnyNode, CallFlow, Hours, Said
from ivr.nodes.base import Language, Name, Part, Prompt, fixed_refs

Key = Annotated[str, Field(pattern=r"^[0-9*#]$")]


class Person(Part):
    """The key that leads to a person, and the node it leads to."""

    key: Key
    node: Name


class Everywhere(Part):
    """Keys that mean the same at every question; a node's own choices come before them, and it may forbid them."""

    person: Person | None = None
    repeat: Key | None = None
    back: Key | None = None

    @model_validator(mode="after")
    def _distinct(self) -> Everywhere:
        keys = [key for key, _ in self.keys]
        if len(set(keys)) != len(keys):
            raise ValueError("one key cannot mean two things")
        return self

    @property
    def keys(self) -> tuple[tuple[str, Literal["person", "repeat", "back"]], ...]:
        found: list[tuple[str, Literal["person", "repeat", "back"]]] = []
        if self.person is not None:
            found.append((self.person.key, "person"))
        if self.repeat is not None:
            found.append((self.repeat, "repeat"))
        if self.back is not None:
            found.append((self.back, "back"))
        return tuple(found)

    @cached_property
    def _meanings(self) -> dict[str, Literal["person", "repeat", "back"]]:
        return dict(self.keys)

    def meaning_of(self, keys: str) -> Literal["person", "repeat", "back"] | None:
        return self._meanings.get(keys)


class Limits(Part):
    """How long a whole call may stay in menus, and how often it may be silent or miss the choices, over all nodes."""

    seconds: Annotated[float, Field(gt=0, le=7200)] = 900
    no_input: Annotated[int, Field(ge=1, le=100)] | None = None
    no_match: Annotated[int, Field(ge=1, le=100)] | None = None

    @cached_property
    def time(self) -> timedelta:
        return timedelta(seconds=self.seconds)


class Flow(Part):
    """A whole flow, well-formed but not yet checked for sense (`ivr.validate.check_flow`)."""

    flow: Name
    languages: Annotated[tuple[Language, ...], Field(min_length=1)]
    start: Name
    fallback: Name
    max_steps: Annotated[int, Field(ge=10, le=1000)] = 200
    no_input: Prompt | None = None
    no_match: Prompt | None = None
    everywhere: Everywhere = Everywhere()
    limits: Limits = Limits()
    nodes: Annotated[dict[Name, AnyNode], Field(min_length=1)]

    _flows: Mapping[str, Flow] = PrivateAttr(default={})
    _calendars: Mapping[str, Calendar] = PrivateAttr(default={})

    @field_validator("languages")
    @classmethod
    def _distinct(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(languages)) != len(languages):
            raise ValueError("a language is listed twice")
        return languages

    @property
    def name(self) -> str:
        return self.flow

    @property
    def flows(self) -> Mapping[str, Flow]:
        """The flows that can be called, by name; empty before `link`."""
        return self._flows

    @property
    def calendars(self) -> Mapping[str, Calendar]:
        return self._calendars

    @property
    def person(self) -> str | None:
        return self.everywhere.person.node if self.everywhere.person is not None else None

    @cached_property
    def version(self) -> str:
        """Short digest of the content, and of the flows and calendars it leads into: equal in any process."""
        digest = hashlib.sha256()
        for flow in sorted(self._called(), key=lambda flow: flow.name):
            digest.update(flow.model_dump_json().encode())
            for node in flow.nodes.values():
                if isinstance(node, Hours) and node.calendar in self._calendars:
                    digest.update(self._calendars[node.calendar].model_dump_json().encode())
        return digest.hexdigest()[:12]

    def _called(self) -> tuple[Flow, ...]:
        """This flow and all it can lead into."""
        found = {self.name: self}
        open_ = [self]
        while open_:
            for node in open_.pop().nodes.values():
                called = self._flows.get(node.flow) if isinstance(node, CallFlow) else None
                if called is not None and called.name not in found:
                    found[called.name] = called
                    open_.append(called)
        return tuple(found.values())

    def said(self) -> Iterator[Said]:
        """Every prompt with its place in the flow's YAML."""
        for name, prompt in (("no_input", self.no_input), ("no_match", self.no_match)):
            if prompt is not None:
                yield Said((name,), prompt)
        for name, node in self.nodes.items():
            for said in node.said():
                yield Said(("nodes", name, *said.at), said.prompt)

    def prompts(self) -> tuple[PromptRef, ...]:
        """Everything a caller of this flow can hear, each once, to be synthesised beforehand."""
        found = (ref for said in self.said() for language in said.prompt for ref in _fixed(said, language))
        return tuple(dict.fromkeys(found))


def _fixed(said: Said, language: str) -> Iterator[PromptRef]:
    return fixed_refs(said.prompt[language], language)


def link(flows: Mapping[str, Flow], calendars: Mapping[str, Calendar]) -> dict[str, Flow]:
    """The flows of a site as they know each other and the calendars. What is linked never changes: a caller who is in
    a flow stays in that version of all of them."""
    linked: dict[str, Flow] = {}
    for name, flow in flows.items():
        copy = flow.model_copy()
        copy.__dict__.pop("version", None)  # of the flow alone
        copy._flows, copy._calendars = linked, dict(calendars)
        linked[name] = copy
    return linked
