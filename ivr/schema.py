"""A flow as it is written in YAML: one file, one flow.

flow: hotline
languages: [fr, en]      # the first is spoken until another is known
start: language
fallback: support        # a node that ends the flow: where a caller goes when nothing else works
no_input: {fr: ...}      # said when a node has no prompt of its own for it
no_match: {fr: ...}
nodes: {...}             # see ivr/nodes/
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated

from pydantic import Field, field_validator

from ivr.model import PromptRef
from ivr.nodes import AnyNode, Said
from ivr.nodes.base import Language, Name, Part, Prompt, refs


class Flow(Part):
    """A whole flow, well-formed but not yet checked for sense (`ivr.validate.check_flow`)."""

    flow: Name
    languages: Annotated[tuple[Language, ...], Field(min_length=1)]
    start: Name
    fallback: Name
    max_steps: Annotated[int, Field(ge=10, le=1000)] = 200
    no_input: Prompt | None = None
    no_match: Prompt | None = None
    nodes: Annotated[dict[Name, AnyNode], Field(min_length=1)]

    @field_validator("languages")
    @classmethod
    def _distinct(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(languages)) != len(languages):
            raise ValueError("a language is listed twice")
        return languages

    @property
    def name(self) -> str:
        return self.flow

    @cached_property
    def version(self) -> str:
        """Short digest of the content: equal for equal flows, in any process."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]

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
        found = (ref for said in self.said() for language in said.prompt for ref in refs(said.prompt, language))
        return tuple(dict.fromkeys(found))
