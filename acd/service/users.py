"""What a user must be, for every UserDirectory alike, and what may go wrong when asking one.

UserError                 cannot be kept as asked; the message says which field and why
UsersUnavailableError     the directory could not be asked (database gone)
"""

from __future__ import annotations

import re
import unicodedata

from acd.service.ports import Role, User

LOGIN_PATTERN = r"^[a-z][a-z0-9._-]{0,39}$"
EXTENSION_PATTERN = r"^[0-9]{2,8}$"
SKILL_PATTERN = r"^[a-z][a-z0-9_-]{0,39}$"
LONGEST_NAME = 80
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 200  # hashing costs the same for all, but megabytes have to be read first


class UserError(Exception):
    error_id = "user.invalid"


class UsersUnavailableError(Exception):
    error_id = "users.unavailable"


def check_user(user: User, password: str | None = None) -> None:
    """Raises UserError."""
    if not re.fullmatch(LOGIN_PATTERN, user.login):
        raise UserError("login: 1 to 40 small letters, digits, . _ or -, a letter first")
    is_clean = not any(unicodedata.category(char) in {"Cc", "Cs"} for char in user.name)
    if not (user.name.strip() and len(user.name) <= LONGEST_NAME and is_clean):
        raise UserError(f"name: 1 to {LONGEST_NAME} characters, no control characters")
    if not user.roles:
        raise UserError("role: at least one of " + ", ".join(Role))
    if user.extension is not None and not re.fullmatch(EXTENSION_PATTERN, user.extension):
        raise UserError("extension: 2 to 8 digits")
    if Role.AGENT in user.roles and user.extension is None:
        raise UserError("extension: an agent needs one, the number of the phone to ring")
    for skill, level in (user.skills or {}).items():
        if not re.fullmatch(SKILL_PATTERN, skill):
            raise UserError("skill: 1 to 40 small letters, digits, _ or -, a letter first")
        if not 0 <= level <= 100:
            raise UserError(f"skill {skill}: a proficiency from 0 to 100")
    if password is not None and not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise UserError(f"password: {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
