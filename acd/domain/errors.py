"""DomainError: a command that cannot be carried out, for the one who gave it (the API answers 409 with the id).
├── UnknownAgentError
├── UnknownCallError
├── UnknownQueueError
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
