"""RoutingError
├── DuplicateItemError   a work item or candidate is put in twice
└── UnknownItemError     a work item or candidate is not in the pool
"""


class RoutingError(Exception):
    error_id = "routing.error"


class DuplicateItemError(RoutingError):
    error_id = "routing.duplicate"


class UnknownItemError(RoutingError):
    error_id = "routing.unknown"
