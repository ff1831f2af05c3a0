"""`guichet simulate`: a day of callers and agents on virtual time, decided by the engine of the running service."""
