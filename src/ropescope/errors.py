"""Every error a user may meet: one sentence that names the cause, and how to mend it."""

from __future__ import annotations


class RopescopeError(Exception):
    """Base of all errors that ropescope raises on purpose; its text is shown to the user as it is. `field` names the input that it
    is about, which each face marks; None where no single one is."""

    field: str | None = None


class DomainError(RopescopeError, ValueError):
    """A formula was asked for a value outside its stated domain."""


class InputError(DomainError):
    """An input of a question is not what it must be. The sentence has the names of inputs in backquotes, which each face writes in
    its own way (`context` is --context on a command line)."""

    field: str

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str]]:
        return type(self), (self.field, str(self))


class SourceError(RopescopeError):
    """A model, text or data source cannot be found or read."""


class MissingExtraError(RopescopeError, ImportError):
    """A command needs an optional dependency that is not installed."""

    def __str__(self) -> str:
        """The sentence; of an ImportError Python would show the first one that it was made with, whatever a face made of it."""
        return str(self.args[0]) if self.args else ""


class PluginError(RopescopeError):
    """What another package adds to ropescope cannot be used."""


class CaptureError(RopescopeError):
    """The attention of a model cannot be captured, or is not a number."""


class MeasurementError(RopescopeError):
    """A measurement cannot start, or cannot go on; what was finished is kept."""


class PlanError(RopescopeError, ValueError):
    """A cache plan cannot be made, or does not fit the model or the sequence it is used on."""


class FormatError(RopescopeError, ValueError):
    """A file is not what its name or header promises."""


class ReportError(RopescopeError, ValueError):
    """A report cannot be shown or written as asked: text that is not a number, a file that cannot be written."""


class EvidenceError(RopescopeError, ValueError):
    """A statistic is asked of too few points, or a claim or a filter of what is not there."""


class EvaluationError(RopescopeError, ValueError):
    """What a change to a model costs cannot be scored as asked: too little text, a budget that nothing fits in."""


class ExtendError(RopescopeError, ValueError):
    """A context cannot be extended as asked: the model, the length, the method or the engine does not allow it."""
