"""Errors that are meant for people: one line that says what, where and what to do next, and an exit code."""

from __future__ import annotations


class Failure(Exception):
    """Something a person has to know. `str()` of it is the one line; `exit_code` is the program's answer."""

    exit_code = 1


class UsageFailure(Failure):
    """An option, a configuration file or an input that is not valid."""

    exit_code = 2


class PartialAnswer(Failure):
    """A store answered with less than it was asked for; nothing of it was used."""

    exit_code = 4


class Contradiction(PartialAnswer):
    """Answers of a store do not fit together, and nobody knows which of them is wrong."""


class AccessDenied(Failure):
    """Authentication, authorisation or TLS."""

    exit_code = 5


class LockedFailure(Failure):
    """Another run holds the folder."""

    exit_code = 6


class StorageFailure(Failure):
    """A disk that is full, a folder that cannot be written, a file that cannot be read."""

    exit_code = 7
