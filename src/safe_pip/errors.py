"""The errors that safe-pip tells people about, each with its exit code and the next step."""

from __future__ import annotations

EXIT_BLOCKED = 40
EXIT_DECLINED = 41
EXIT_UNSCANNABLE = 42
EXIT_BAD_POLICY = 43
EXIT_BAD_MODEL = 44
EXIT_UNSUPPORTED_PIP = 45


class SafePipError(Exception):
    """Anything that stops safe-pip and that a person can act on.

    ``str(error)`` is one clear sentence that names the offending thing; ``hint`` is the next
    step; ``exit_code`` is the process's exit status.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(SafePipError):
    """The command line asks for something that does not exist; nothing was started."""

    exit_code = 2


class BlockedError(SafePipError):
    """Policy does not let an artifact pass."""

    exit_code = EXIT_BLOCKED


class DeclinedError(SafePipError):
    """The person at the terminal said no."""

    exit_code = EXIT_DECLINED


class UnscannableError(SafePipError):
    """An artifact could not be looked at in full; the caller must treat it as not inspected.

    ``reason`` is a short kebab-case word that reports and policy can match on, such as
    ``too-many-members``.
    """

    exit_code = EXIT_UNSCANNABLE

    def __init__(self, message: str, *, reason: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions with keyword-only arguments do not survive pickling on their own, and this
        # one crosses from the inspection workers to the gate.
        return (_rebuild_unscannable, (str(self), self.reason, self.hint))


def _rebuild_unscannable(message: str, reason: str, hint: str) -> UnscannableError:
    return UnscannableError(message, reason=reason, hint=hint)


class PolicyError(SafePipError):
    """A policy file cannot be read or holds an unknown key or a wrong type."""

    exit_code = EXIT_BAD_POLICY


class ModelError(SafePipError):
    """The model is missing, damaged, or not made for this version's features."""

    exit_code = EXIT_BAD_MODEL


class UnsupportedPipError(SafePipError):
    """The target's pip cannot be guarded, so it is not started."""

    exit_code = EXIT_UNSUPPORTED_PIP


class GateError(SafePipError):
    """The gate itself failed (child lost, protocol broken); nothing more is allowed through."""

    exit_code = EXIT_UNSCANNABLE
