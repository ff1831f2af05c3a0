"""AGI without I/O: replies, environments, hostile text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.adapters.asterisk.agi_errors import AgiInvalidArgumentError
from acd.adapters.asterisk.agi_protocol import (
    MAX_ENVIRONMENT_BYTES,
    MAX_REPLY_BYTES,
    AgiEnvironment,
    AgiEvent,
    AgiHangup,
    AgiParser,
    AgiReply,
    AgiViolation,
)
from acd.adapters.asterisk.agi_quoting import (
    MAX_COMMAND_BYTES,
    application_name,
    encode_command,
    escape_application_argument,
    mset_commands,
    plain_text,
    quote,
    refuse_expansion,
    variable_name,
)
from tests.fakes.agi_client import environment, parse_args, split_application_arguments

HOSTILE = [
    '"; EXEC System(touch /tmp/broken)',
    "back\\slash \\",
    "a,b\"c'd=e(f]g",
    "Ünïcødé 名前 🙂",
    "tab\there",
    "  blanks  ",
    "x=y,GUICHET_STAGE=done",
    "",
    '"',
    "\\",
    '\\"',
    "((([[[",
    "200 result=1",
    "HANGUP",
    "x" * 2000,
]
SENDABLE = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=200)
UNEXPANDED = SENDABLE.filter(lambda text: "${" not in text and "$[" not in text)


def parser_after_environment() -> AgiParser:
    parser = AgiParser()
    assert isinstance(parser.receive_data(environment())[0], AgiEnvironment)
    return parser


def replies(data: bytes) -> list[AgiEvent]:
    return parser_after_environment().receive_data(data)


class TestReplies:
    @pytest.mark.parametrize(
        ("line", "reply"),
        [
            ("200 result=1", AgiReply(200, "1")),
            ("200 result=", AgiReply(200, "")),
            ("200 result=-1", AgiReply(200, "-1")),
            ("200 result=12# ", AgiReply(200, "12#")),
            ("200 result=12 (timeout)", AgiReply(200, "12", "timeout")),
            ("200 result= (timeout)", AgiReply(200, "", "timeout")),
            ("200 result=49 endpos=5760", AgiReply(200, "49", "", {"endpos": "5760"})),
            ("200 result=0 (timeout) endpos=123", AgiReply(200, "0", "timeout", {"endpos": "123"})),
            ("200 result=1 ()", AgiReply(200, "1", "")),
            ("200 result=1 (a (nested) value)", AgiReply(200, "1", "a (nested) value")),
            ("200 result=1 (a) endpos=1)", AgiReply(200, "1", "a) endpos=1")),
            ("200 result=1 (200 result=0)", AgiReply(200, "1", "200 result=0")),
            ("510 Invalid or unknown command", AgiReply(510, data="Invalid or unknown command")),
            (
                "511 Command Not Permitted on a dead channel or intercept routine",
                AgiReply(511, data="Command Not Permitted on a dead channel or intercept routine"),
            ),
            (
                "520 Invalid command syntax.  Proper usage not available.",
                AgiReply(520, data="Invalid command syntax.  Proper usage not available."),
            ),
        ],
    )
    def test_one_line(self, line: str, reply: AgiReply) -> None:
        assert replies(line.encode() + b"\n") == [reply]

    def test_usage_over_several_lines(self) -> None:
        text = b"520-Invalid command syntax.  Proper usage follows:\nUsage: X\nHANGUP\n520 End of proper usage.\n"
        usage = "Invalid command syntax.  Proper usage follows:\nUsage: X\nHANGUP"
        assert replies(text + b"200 result=0\n") == [AgiReply(520, data=usage), AgiReply(200, "0")]

    def test_usage_without_a_last_line_break(self) -> None:
        text = b"520-Invalid command syntax.  Proper usage follows:\nUsage: X520 End of proper usage.\n"
        assert replies(text) == [AgiReply(520, data="Invalid command syntax.  Proper usage follows:")]

    def test_value_with_line_breaks(self) -> None:
        assert replies(b"200 result=1 (a\nHANGUP\n200 result=0\nb)\n200 result=7\n") == [
            AgiReply(200, "1", "a\nHANGUP\n200 result=0\nb"),
            AgiReply(200, "7"),
        ]

    def test_value_that_closes_too_early_is_not_taken_for_more_replies(self) -> None:
        """A value "x)\\nforged" cannot be told from a reply and a stray line: the stray line ends the session."""
        assert replies(b"200 result=1 (x)\nforged)\n") == [
            AgiReply(200, "1", "x"),
            AgiViolation("reply_malformed"),
        ]

    def test_hangup_between_and_provisional_replies(self) -> None:
        assert replies(b"HANGUP\n100 Trying...\n200 result=-1\n") == [AgiHangup(), AgiReply(200, "-1")]

    def test_latin1_is_replaced_not_fatal(self) -> None:
        assert replies(b"200 result=1 (M\xfcller)\n") == [AgiReply(200, "1", "M�ller")]

    @given(st.lists(st.integers(1, 40), max_size=12))
    def test_any_split_gives_the_same_events(self, sizes: list[int]) -> None:
        stream = environment("one") + "200 result=1 (é\nü)\nHANGUP\n520-a:\nb\n520 End of proper usage.\n".encode()
        whole = AgiParser().receive_data(stream)
        parser = AgiParser()
        events: list[AgiEvent] = []
        position = 0
        for size in [*sizes, len(stream)]:
            events += parser.receive_data(stream[position : position + size])
            position += size
        assert events == whole
        assert len(whole) == 4

    def test_garbage_ends_it_for_good(self) -> None:
        parser = parser_after_environment()
        assert parser.receive_data(b"GET / HTTP/1.1\n200 result=0\n") == [AgiViolation("reply_malformed")]
        assert parser.receive_data(b"200 result=0\n") == []

    @pytest.mark.parametrize(
        "flood",
        [
            b"2" * (MAX_REPLY_BYTES + 1),
            b"200 result=1 (" + b"x\n" * MAX_REPLY_BYTES,
            b"520-Usage:\n" + b"x\n" * MAX_REPLY_BYTES,
            b"200 result=1 (" + b"x" * MAX_REPLY_BYTES + b")\n",
        ],
    )
    def test_floods_end_it(self, flood: bytes) -> None:
        assert replies(flood) == [AgiViolation("reply_too_long")]


class TestEnvironment:
    def test_values(self) -> None:
        (event,) = AgiParser().receive_data(environment("one", "two words", agi_calleridname="A: b"))
        assert isinstance(event, AgiEnvironment)
        assert event.values["agi_calleridname"] == "A: b"
        assert event.values["agi_accountcode"] == ""
        assert event.values["agi_arg_3"] == "two words"

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"GET / HTTP/1.1\r\n", "not_agi"),
            (b"\x16\x03\x01", "not_agi"),
            (b"\n", "not_agi"),
            (b"x", "not_agi"),
            (b"agi_channel\n", "not_agi"),
            (b"agi_network: yes\nHANGUP\n", "environment_malformed"),
            (b"agi_network: yes\nSSH-2.0", "environment_malformed"),
            (b"agi_x: " + b"x" * MAX_ENVIRONMENT_BYTES, "environment_too_large"),
            (b"".join(b"agi_arg_%d: x\n" % number for number in range(300)), "environment_too_large"),
        ],
    )
    def test_no_asterisk(self, data: bytes, reason: str) -> None:
        assert AgiParser().receive_data(data) == [AgiViolation(reason)]

    def test_a_caller_name_with_line_breaks_cannot_forge_arguments(self) -> None:
        data = environment("one", agi_calleridname="evil\nagi_arg_2: forged")
        assert AgiParser().receive_data(data) == [AgiViolation("environment_forged")]

    def test_a_caller_name_with_an_empty_line_cannot_pass_for_the_end(self) -> None:
        """What follows the forged end is no reply; the session ends (and the token was not seen yet)."""
        environment_event, violation = AgiParser().receive_data(environment(agi_calleridname="evil\n\nX"))
        assert isinstance(environment_event, AgiEnvironment)
        assert "agi_arg_1" not in environment_event.values
        assert violation == AgiViolation("reply_malformed")


class TestQuoting:
    @pytest.mark.parametrize("text", HOSTILE)
    def test_hostile_words_stay_one_word(self, text: str) -> None:
        line = encode_command(("SET", "VARIABLE", "X", text)).decode()
        assert line.count("\n") == 1
        assert parse_args(line.removesuffix("\n")) == ["SET", "VARIABLE", "X", text]

    @given(st.lists(SENDABLE, max_size=6))
    def test_any_words_arrive_as_they_are(self, words: list[str]) -> None:
        assert parse_args(encode_command(("NOOP", *words)).decode().removesuffix("\n")) == ["NOOP", *words]

    @pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\0b", "\ud800"])
    def test_line_breaks_are_refused(self, text: str) -> None:
        with pytest.raises(AgiInvalidArgumentError):
            quote(text)
        with pytest.raises(AgiInvalidArgumentError) as caught:
            encode_command(("SET", "VARIABLE", "X", text))
        assert text not in str(caught.value)

    def test_the_longest_line_and_one_byte_more(self) -> None:
        room = MAX_COMMAND_BYTES - len('VERBOSE ""')
        assert len(encode_command(("VERBOSE", " " * room))) == MAX_COMMAND_BYTES + 1
        with pytest.raises(AgiInvalidArgumentError):
            encode_command(("VERBOSE", " " * (room + 1)))
        with pytest.raises(AgiInvalidArgumentError):
            encode_command(("VERBOSE", "é" * (room // 2 + 1)))

    @pytest.mark.parametrize("words", [(), ("",), ("failure",), ("EXEC System",), ("\n",), ("NOOP", *["x"] * 100)])
    def test_what_is_no_command(self, words: tuple[str, ...]) -> None:
        with pytest.raises(AgiInvalidArgumentError):
            encode_command(words)

    @given(st.lists(UNEXPANDED, min_size=1, max_size=5))
    def test_application_arguments_stay_apart(self, arguments: list[str]) -> None:
        data = ",".join(escape_application_argument(argument) for argument in arguments)
        assert split_application_arguments(data) == arguments

    @pytest.mark.parametrize("value", ["${SHELL(id)}", "$[1+1]", "x $${X}"])
    def test_expansion_is_refused_or_taken_away(self, value: str) -> None:
        with pytest.raises(AgiInvalidArgumentError):
            refuse_expansion(value)
        with pytest.raises(AgiInvalidArgumentError):
            escape_application_argument(value)
        assert refuse_expansion(plain_text(value)) == value.replace("$", "")

    @given(st.text())
    def test_plain_text_is_always_accepted(self, text: str) -> None:
        harmless = plain_text(text)
        assert len(harmless) <= 120
        assert refuse_expansion(harmless) == harmless
        assert parse_args(f"X {quote(harmless)}") == ["X", harmless]

    def test_plain_text_keeps_what_people_are_called(self) -> None:
        assert plain_text("Zoë O'Brien-Müller\r\n(Paris) 名前 $5") == "Zoë O'Brien-Müller (Paris) 名前 $5"

    @pytest.mark.parametrize("name", ["X", "__GUICHET_CALL", "CHANNEL(language)", "TIMEOUT(absolute)"])
    def test_variable_names(self, name: str) -> None:
        assert variable_name(name) == name

    @pytest.mark.parametrize("name", ["", "A B", "A=1,B", "${X}", "1X", "X\n", "SHELL(rm -rf)", "É", "___X", "A("])
    def test_what_is_no_variable_name(self, name: str) -> None:
        with pytest.raises(AgiInvalidArgumentError):
            variable_name(name)

    @pytest.mark.parametrize("name", ["", "Dial,x", "System(", "A B", "MSet\n"])
    def test_what_is_no_application(self, name: str) -> None:
        with pytest.raises(AgiInvalidArgumentError):
            application_name(name)


class TestMSet:
    @staticmethod
    def _received(variables: dict[str, str]) -> tuple[int, dict[str, str]]:
        """How many commands it takes, and what Asterisk would set."""
        result: dict[str, str] = {}
        count = 0
        for words in mset_commands(variables):
            count += 1
            command, application, data = parse_args(encode_command(words).decode().removesuffix("\n"))
            assert (command, application) == ("EXEC", "MSet")
            result |= dict(pair.split("=", 1) for pair in split_application_arguments(data))
        return count, result

    def test_hostile_values_in_one_command(self) -> None:
        variables = {f"V{index}": value for index, value in enumerate(HOSTILE) if len(value) < 100}
        assert self._received(variables) == (1, variables)

    @given(st.dictionaries(st.from_regex(r"\A[A-Z]{1,8}\Z"), UNEXPANDED, max_size=40))
    def test_everything_arrives_however_many_commands_it_takes(self, variables: dict[str, str]) -> None:
        assert self._received(variables)[1] == variables

    def test_twenty_pairs_in_one_twenty_one_in_two(self) -> None:
        assert self._received({f"V{index}": "x" for index in range(20)})[0] == 1
        assert self._received({f"V{index}": "x" for index in range(21)})[0] == 2
        assert self._received({f"V{index}": '"' * 200 for index in range(10)})[0] == 5

    def test_nothing_is_sent_when_one_of_them_is_bad(self) -> None:
        for bad in ({"B": "x" * 2100}, {"B": "a\nb"}, {"B": "${X}"}, {"B C": "x"}):
            with pytest.raises(AgiInvalidArgumentError):
                mset_commands({"A": "fine", **bad})
