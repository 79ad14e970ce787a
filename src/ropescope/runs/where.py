"""Carry out long work here, or on a Ray cluster, with the same result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from ropescope.errors import RopescopeError
from ropescope.questions.question import Run
from ropescope.runs.done import Done, interrupted

Value = TypeVar("Value")


class Placed(Protocol):
    """The inputs of a question whose work can be carried out elsewhere (`OnCluster` of `questions.shared`)."""

    @property
    def on(self) -> str | None: ...


Asked = TypeVar("Asked", bound=Placed)


def carry_out(function: Callable[[Asked, Run], Value], inputs: Asked, run: Run, *, pieces: int = 1) -> Done[Value]:
    """`function(inputs, run)`, here or where `inputs.on` says, by as many workers as there are, though no more than `pieces`.

    A worker makes the inputs again and calls the function, whose jobs it does in its share: so the function is found by its
    name in its module, its value can be pickled, and jobs that follow one another are the same in every process. Raises what
    the function raises; MeasurementError when interrupted on a cluster.
    """
    if inputs.on is None:
        return Done(function(inputs, run))
    for _, found in carry_out_each(function, [inputs], run, names=[inputs.on], pieces=pieces):
        if isinstance(found, RopescopeError):
            raise found
        return found
    raise interrupted()


def carry_out_each(
    function: Callable[[Asked, Run], Value],
    inputs: Sequence[Asked],
    run: Run,
    *,
    names: Sequence[str],
    pieces: int = 1,
) -> Iterator[tuple[int, Done[Value] | RopescopeError]]:
    """`function` of each of `inputs`, which all have the same `on`, as they are finished: the index, and what it gave or the
    error that it raised. It ends early when interrupted."""
    if inputs[0].on is not None:
        from ropescope.runs.on_ray import carried_out_on_ray

        yield from carried_out_on_ray(inputs[0].on, function, inputs, run, names, pieces)
        return
    for index, one in enumerate(inputs):
        found: Done[Any] | RopescopeError
        try:
            found = Done(function(one, run))
        except RopescopeError as error:
            found = error
        except KeyboardInterrupt:
            return
        yield index, found
