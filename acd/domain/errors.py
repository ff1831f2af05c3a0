"""DomainError: a command that cannot be carried out, for the one who gave it (the API answers 409 with the id).
├── RecordingNotAllowedError
├── UnknownAgentError
├── UnknownCallError
├── UnknownQueueError
├── NumberNotAllowedError
├── NotPermittedError
├── UnknownReasonError        422
├── UnknownWrapUpCodeError    422
├── WrapUpCodeRequiredError   422
├── WrapUpLimitError
├── WrongStateError
├── CallbackRefusedError
└── NumberRefusedError
"""


class DomainError(Exception):
    error_id = "domain.error"


class UnknownAgentError(DomainError):
    error_id = "agent.unknown"


class UnknownCallError(DomainError):
    error_id = "call.unknown"


class UnknownQueueError(DomainError):
    error_id = "queue.unknown"


class WrongStateError(DomainError):
    error_id = "agent.wrong_state"


class CallbackRefusedError(DomainError):
    error_id = "callback.refused"


class NumberRefusedError(DomainError):
    error_id = "number.not_allowed"


class NumberNotAllowedError(DomainError):
    error_id = "transfer.number_not_allowed"


class NotPermittedError(DomainError):
    error_id = "call.not_permitted"


class RecordingNotAllowedError(DomainError):
    error_id = "recording.not_allowed"


class UnknownReasonError(DomainError):
    error_id = "reason.unknown"


class UnknownWrapUpCodeError(DomainError):
    error_id = "wrap_up.unknown_code"


class WrapUpCodeRequiredError(DomainError):
    error_id = "wrap_up.code_required"


class WrapUpLimitError(DomainError):
    error_id = "wrap_up.limit"
