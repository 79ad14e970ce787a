"""Whether the RoPE base sets the exponent when it alone is changed in training, as a question."""

from __future__ import annotations

from ropescope.errors import InputError
from ropescope.models.text_files import check_texts
from ropescope.pilot.inputs import PilotInputs
from ropescope.questions.inputs import to_values
from ropescope.questions.question import Run
from ropescope.report.report import Report


def answer(inputs: PilotInputs, run: Run) -> Report:
    """What each side says beforehand, and, after training and measuring, which of it stands."""
    from ropescope.pilot.results.report import pilot_report, prediction_report

    if inputs.predictions:
        return prediction_report(inputs.arms, inputs.seeds, inputs.dimensions)
    if inputs.runs is not None:
        from ropescope.pilot.results.result import PilotResult

        if unread := [name for name in to_values(inputs) if name != "runs"]:
            raise InputError(unread[0], f"`{unread[0]}` is given and not read: `runs` shows what was trained before.")
        return pilot_report(PilotResult.load(inputs.runs), kept_in="")
    check_texts(inputs.text, inputs.column)
    from ropescope.pilot.networks_folder import write_networks
    from ropescope.pilot.running import job_of, train
    from ropescope.runs.where import carry_out

    with run.working():
        done = carry_out(train, inputs, run, pieces=len(inputs.arms) * inputs.seeds)
        if inputs.networks is not None:
            write_networks(job_of(inputs, run), inputs.networks)
    outcome = done.value
    kept = run.keep("runs", lambda path: [outcome.result.save(path)], "no finished run is done again")
    run.when_shown(outcome.discard_journal)
    return done.told(pilot_report(outcome.result, kept))
