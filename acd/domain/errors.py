"""DomainError: a command that cannot be carried out, for the one who gave it (the API answers 409 with the id).
├── UnknownAgentError
├── UnknownCallError
├── UnknownQueueError
├── NumberNotAllowedError
├── NotPermittedError
└── WrongStateError
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


class NumberNotAllowedError(DomainError):
    error_id = "transfer.number_not_allowed"


class NotPermittedError(DomainError):
    error_id = "call.not_permitted"
