"""Every error line of the YAML reader, as a table; positions through unions, lists and merged layers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ivr.source import ConfigurationError, Source, load, merge


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Wait(Strict):
    kind: Literal["wait"]
    queue: str
    wait: int | None = None


class QueueUp(Strict):
    kind: Literal["queue"]
    queue: str
    priority: int = Field(default=0, ge=0, le=10)
    tags: list[str] = []


class Site(Strict):
    name: str
    port: int = Field(default=8080, ge=1, le=65535)
    retries: int | None = None
    mode: Literal["embedded", "scaled"] = "embedded"
    nodes: dict[str, Annotated[Wait | QueueUp, Field(discriminator="kind")]] = {}
    limits: dict[Annotated[str, Field(pattern="^[a-z]+$")], float] = {}
    hosts: tuple[str, ...] = ()
    from_: str = Field(default="", alias="from")

    @model_validator(mode="after")
    def _check(self) -> Site:
        if self.name == "bad":
            raise ValueError("this name is taken")
        return self


SYNTAX = [
    ("a: 1\na: 2\n", "f.yaml:2:1: duplicate key `a`, first written in line 1"),
    ("x:\n  '1': a\n  1: b\n", "f.yaml:3:3: duplicate key `1`, first written in line 2"),
    ("a:\n\tb: 1\n", "f.yaml:2:1: a tab cannot indent YAML: use spaces"),
    (
        "a: [1, 2\n",
        "f.yaml:2:1: YAML: while parsing a flow sequence: expected ',' or ']', but got '<stream end>'",
    ),
    ("a: 1\n---\nb: 2\n", "f.yaml:2:1: only one document per file: remove the `---` line"),
    ("- a\n- b\n", "f.yaml:1:1: the top of the document must be a mapping of keys to values"),
    ("just words", "f.yaml:1:1: the top of the document must be a mapping of keys to values"),
    ("a: b\x01c\n", "f.yaml:1:5: the character U+0001 is not allowed here"),
    (b"a: 1\nb: \xff\n", "f.yaml:2:4: the text is not UTF-8"),
    ("a:\n  b: 0123\n", "f.yaml:2:6: a number with a leading zero is ambiguous: write it in quotes"),
    (
        f"a: {'9' * 5000}\n",
        "f.yaml:1:4: write whole numbers in plain digits (at most 18), or in quotes as text",
    ),
    (
        "a: .inf\n",
        "f.yaml:1:4: write a finite decimal number such as 1.5, or put it in quotes as text",
    ),
    ("a: !!python/object:os.system x\n", "f.yaml:1:4: tags (!...) are not supported"),
    ("a: !secret x\n", "f.yaml:1:4: tags (!...) are not supported"),
    ("a: !secret {b: 1}\n", "f.yaml:1:4: tags (!...) are not supported"),
    ("a: &x {b: 1}\nc:\n  <<: *x\n", "f.yaml:3:3: merge keys (<<) are not supported: write the keys out"),
    ("? [1, 2]\n: 3\n", "f.yaml:1:3: a key must be a single word or number"),
    ("'': 3\n", "f.yaml:1:1: a key is missing before the colon"),
    ("%YAML 1.1\n---\na: no\n", "f.yaml:3:4: write true or false, or put the word in quotes"),
    (
        "a: 1\n*: 2\n",
        "f.yaml:2:1: expected a key followed by a colon (a key such as * or # must be in quotes)",
    ),
    (
        "a: *b\n",
        "f.yaml:1:4: found undefined alias 'b': put the key or text in quotes if it begins with `*`",
    ),
    ("a: &x [*x]\n", "f.yaml:1:4: too many values (at most 50000, 40 levels deep)"),
    ("a: " + "[" * 3000, "f.yaml:1:1: values are nested too deeply, at most 40 levels"),
    ("a: " + "x" * 1_000_001, "f.yaml:1:1: the text is too long: 1000004 characters, at most 1000000"),
]


@pytest.mark.parametrize(("text", "line"), SYNTAX, ids=[line for _, line in SYNTAX])
def test_text_that_is_not_usable_yaml(text: str | bytes, line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(text, "f.yaml")
    assert str(caught.value) == line


def test_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(ConfigurationError) as caught:
        load("\n".join(lines), "f.yaml")
    assert "too many values (at most 50000" in str(caught.value)
    assert len(caught.value.problems) == 1


SCHEMA = [
    ("", ["f.yaml:1:1: `name` is missing"]),
    ("name: x\nprot: 1\n", ["f.yaml:2:1: unknown key `prot`; did you mean `port`?"]),
    ("name: x\nzzz: 1\n", ["f.yaml:2:1: unknown key `zzz`"]),
    ("name: 12\n", ["f.yaml:1:7: `name`: must be text: write the number in quotes"]),
    ("name: [a]\n", ["f.yaml:1:7: `name`: must be text"]),
    (
        "name: x\nport: 70000\nretries: many\n",
        [
            "f.yaml:2:7: `port`: must be less than or equal to 65535",
            "f.yaml:3:10: `retries`: must be a valid integer, unable to parse string as an integer",
        ],
    ),
    (
        "name: x\nmode: embeded\n",
        ["f.yaml:2:7: `mode`: must be one of embedded, scaled; did you mean `embedded`?"],
    ),
    ("name: x\nhosts: [a, 1]\n", ["f.yaml:2:12: `hosts`: must be text: write the number in quotes"]),
    ("name: x\nhosts: a\n", ["f.yaml:2:8: `hosts`: must be a list"]),
    ("name: x\nnodes: []\n", ["f.yaml:2:8: `nodes`: must be a mapping of keys to values"]),
    (
        "name: x\nnodes:\n  n:\n    kind: queu\n    queue: q\n",
        ["f.yaml:4:11: unknown kind `queu`; did you mean `queue`? (known: queue, wait)"],
    ),
    ("name: x\nnodes:\n  n:\n    queue: q\n", ["f.yaml:4:5: `kind` is missing in `n`"]),
    ("name: x\nnodes:\n  n:\n    kind: queue\n", ["f.yaml:4:5: `queue` is missing in `n`"]),
    (
        "name: x\nnodes:\n  n:\n    kind: queue\n    queue: 3\n    priority: 11\n    prority: 1\n",
        [
            "f.yaml:5:12: `queue`: must be text: write the number in quotes",
            "f.yaml:6:15: `priority`: must be less than or equal to 10",
            "f.yaml:7:5: unknown key `prority`; did you mean `priority`?",
        ],
    ),
    (
        "name: x\nnodes:\n  n:\n    kind: wait\n    queue: q\n    wait: soon\n",
        ["f.yaml:6:11: `wait`: must be a valid integer, unable to parse string as an integer"],
    ),
    (
        "name: x\nnodes:\n  n: {kind: queue, queue: q, tags: [a, {b: c}]}\n",
        ["f.yaml:3:40: `tags`: must be text"],
    ),
    (
        "name: x\nlimits:\n  BAD: 1\n",
        ["f.yaml:3:3: the key `BAD`: must match pattern '^[a-z]+$'"],
    ),
    ("name: bad\n", ["f.yaml:1:1: this name is taken"]),
    ("name: x\nfrom: 1\n", ["f.yaml:2:7: `from`: must be text: write the number in quotes"]),
    ("name: x\nfrm: a\n", ["f.yaml:2:1: unknown key `frm`; did you mean `from`?"]),
]


@pytest.mark.parametrize(("text", "lines"), SCHEMA, ids=[lines[0] for _, lines in SCHEMA])
def test_data_that_the_model_refuses(text: str, lines: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(text, "f.yaml").validate(Site)
    assert str(caught.value).splitlines() == lines


def test_values_keep_their_meaning() -> None:
    text = (
        "name: no\nhosts: [2024-01-01, '12:30', 12:30, \"0123\", ~x]\n"
        "limits: {on: 1.5, off: -2}\nnodes:\n  1: {kind: queue, queue: '*'}\n  '#': {kind: wait, queue: a}\n"
    )
    site = load(text, "f.yaml").validate(Site)
    assert site.name == "no"
    assert site.hosts == ("2024-01-01", "12:30", "12:30", "0123", "~x")
    assert site.limits == {"on": 1.5, "off": -2.0}
    assert list(site.nodes) == ["1", "#"]


def test_aliases_are_usable() -> None:
    source = load("a: &x {b: 1}\nc: *x\n", "f.yaml")
    assert source.data == {"a": {"b": 1}, "c": {"b": 1}}


def test_folded_text_is_read_whole() -> None:
    assert load("a: >\n  one\n  two\n\n  three\n", "f").data == {"a": "one two\nthree\n"}


def test_merge_lets_later_layers_win_and_keeps_places() -> None:
    base = load("name: base\nport: 1\nlimits: {a: 1, b: 2}\nhosts: [x, y]\n", "base.yaml")
    site = load("limits:\n  b: 3\n  c: wrong\nhosts: [z]\n", "site.yaml")
    environment = Source.of_data({"port": "many"}, "GUICHET_{path}")
    merged = merge([base, site, environment])
    assert merged.data["limits"] == {"a": 1, "b": 3, "c": "wrong"}
    assert merged.data["hosts"] == ["z"]
    with pytest.raises(ConfigurationError) as caught:
        merged.validate(Site)
    assert str(caught.value).splitlines() == [
        "GUICHET_port: `port`: must be a valid integer, unable to parse string as an integer",
        "site.yaml:3:6: `c`: must be a valid number, unable to parse string as a number",
    ]


def test_merge_of_nothing_and_of_empty_layers() -> None:
    assert merge([]).data == {}
    assert merge([load("a: 1", "a"), load("", "b")]).data == {"a": 1}
    assert merge([load("a: {b: 1}", "a"), load("a: 2", "b")]).data == {"a": 2}


def test_part_is_a_source_with_its_own_places() -> None:
    source = load("outer:\n  site:\n    name: 3\nflat: 1\n", "f.yaml")
    with pytest.raises(ConfigurationError, match=r"^f.yaml:3:11: `name`: must be text"):
        source.part("outer", "site").validate(Site)
    assert source.part("absent").data == {}
    with pytest.raises(ConfigurationError, match=r"^f.yaml:4:7: must be a mapping"):
        source.part("flat")


def test_places_fall_back_to_the_nearest_parent() -> None:
    source = load("a:\n  b: [1, 2]\n", "f.yaml")
    assert source.place(("a", "b", 1)) == ("f.yaml", 2, 10)
    assert source.place(("a", "b"), at_key=True) == ("f.yaml", 2, 3)
    assert source.place(("a", "zzz")) == ("f.yaml", 2, 3)
    assert source.problem(("a", "b", 0), "bad").path == "a.b[0]"


def test_no_message_repeats_a_value() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load("name: [hunter2]\nport: hunter2\nretries: hunter2\nlimits: hunter2\n", "f").validate(Site)
    assert "hunter2" not in str(caught.value)


TEXTS = st.text(st.sampled_from("ab01:- \n\t[]{}&*!|>'\"#%?,.~<="), max_size=60)


@given(text=st.one_of(TEXTS, st.text(max_size=60), st.binary(max_size=60)))
def test_any_text_is_data_or_a_configuration_error(text: str | bytes) -> None:
    try:
        source = load(text, "f.yaml")
    except ConfigurationError as error:
        assert error.problems
        assert all(problem.line >= 1 and problem.column >= 1 for problem in error.problems)
    else:
        data: dict[str, Any] = source.data
        assert all(isinstance(key, str) for key in data)


@given(
    data=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["name", "port", "nodes", "kind", "queue", "wait", "tags", "limits"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_any_data_validates_or_is_refused_with_a_path(data: Any) -> None:
    try:
        Source.of_data({"name": data, "nodes": {"n": data}, "limits": data}, "env").validate(Site)
    except ConfigurationError as error:
        assert all(problem.file == "env" for problem in error.problems)


def test_entries_under_some_keys_are_replaced_whole() -> None:
    under = load("calendars: {office: {week: {monday: a}}, other: {week: b}}\nqueues: {q: {a: 1}}", "under")
    over = load("calendars: {office: {week: {tuesday: c}}}\nqueues: {q: {b: 2}}", "over")
    assert merge([under, over], whole=("calendars",)).data == {
        "calendars": {"office": {"week": {"tuesday": "c"}}, "other": {"week": "b"}},
        "queues": {"q": {"a": 1, "b": 2}},
    }
