"""The typed errors of hbstan.

Every error that a user can cause or meet derives from :class:`HbstanError`. Its
message names the offending value, the legal range and, where there is one, the
remedy. The command line maps the classes to exit codes and prints the message
without a traceback.
"""

from __future__ import annotations

__all__ = [
    "BackendError",
    "CompileError",
    "ConvertError",
    "DataError",
    "EngineWarning",
    "ExactError",
    "FitError",
    "HbstanError",
    "ModelError",
    "NotSupportedError",
    "PriorError",
    "SamplingError",
    "ScratchError",
    "SettingsError",
    "StoreError",
    "TimeLimitError",
    "ToolchainError",
    "WorkerError",
]


class HbstanError(Exception):
    """Base class of all errors raised by hbstan.

    Parameters
    ----------
    message : str
        What is wrong: the offending value and the legal range.
    remedy : str, optional
        What the user can do about it, as an imperative sentence.
    """

    #: Exit code of the command line: 2 bad input or usage, 3 the engine failed.
    exit_code = 2

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message


class DataError(HbstanError):
    """Data that no model can take: names row, column, value and legal range."""


class PriorError(HbstanError):
    """A prior that does not exist, has illegal arguments or the wrong support."""


class ModelError(HbstanError):
    """An unknown model, or data that do not fit the model's contract."""


class SettingsError(HbstanError):
    """A sampler or command-line setting outside its legal range."""


class FitError(HbstanError):
    """A saved fit that cannot be read, or a fit without what was asked of it."""


class ExactError(HbstanError):
    """A posterior without an exact form, or one that was not integrated accurately."""


class StoreError(HbstanError):
    """A store of simulations that is damaged, in use, or of another run."""


class ConvertError(HbstanError):
    """Draws that cannot be turned into a labelled tree."""


class BackendError(HbstanError):
    """A Stan engine failed; base class of what happens inside an engine."""

    exit_code = 3


class NotSupportedError(BackendError):
    """The chosen backend does not have the capability that was asked of it."""


class SamplingError(BackendError):
    """Sampling failed; ``console`` holds what the engine said.

    Parameters
    ----------
    message, remedy : str
        See :class:`HbstanError`.
    console : str
        The engine's own output, for the record of a failed simulation.
    """

    def __init__(
        self, message: str, *, remedy: str | None = None, console: str = ""
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.console = console


class TimeLimitError(SamplingError):
    """A fit was ended because it took longer than it was given."""

    @classmethod
    def after(
        cls, name: str, timeout: float | None, console: str = ""
    ) -> TimeLimitError:
        """Return the error of a fit of ``name`` that had ``timeout`` seconds."""
        given = "the time that it was given" if timeout is None else f"{timeout:g} s"
        return cls(
            f"{name}: no result within {given}; it was ended.",
            remedy="Give it more time (timeout, in calibrations fit_timeout), or see "
            "whether the program or the generator has a loop that does not end.",
            console=console,
        )


class ScratchError(BackendError):
    """The folder for temporary files is full or cannot be written."""


class EngineWarning(UserWarning):
    """What a Stan engine warns of, such as parts of a program that run slowly.

    Also that a variable cannot keep its name, as it is that of a dimension.
    """


class CompileError(BackendError):
    """A Stan program that does not compile.

    Parameters
    ----------
    message, remedy : str
        See :class:`HbstanError`; the message holds the compiler's own text.
    file : str, optional
        The file in which the error was found (an included file, perhaps).
    line : int, optional
        The line, counted from 1.
    """

    def __init__(
        self,
        message: str,
        *,
        remedy: str | None = None,
        file: str | None = None,
        line: int | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.file = file
        self.line = line


class ToolchainError(BackendError):
    """No usable CmdStan, compiler or make, or their assembly failed."""


class WorkerError(BackendError):
    """The workers that simulations were handed to are gone."""
