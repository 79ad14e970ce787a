"""What users ask when they read a score or a claim."""

from __future__ import annotations

from typing import Final

from ropescope.questions.question import Question

QUESTIONS: Final = (
    Question(
        "claims",
        "Recompute published claims from the published measurements: number, interval, baselines, verdict.",
        "evidence.verdicts.asking:ClaimsInputs",
        "evidence.verdicts.asking:answer",
        {"ids": ["C1"]},
        "data",
        "evidence",
        placed=("ids",),
        words="paper claim true verify published replicate marin verdict refuted published results hold",
        lists=True,
    ),
    Question(
        "panel",
        "Show the published measurements, refitted: γ with its interval, the prediction, the protocol's null.",
        "evidence.panel.asking:PanelInputs",
        "evidence.panel.asking:answer",
        {"family": "Pythia", "corpus": "text"},
        "data",
        "evidence",
        placed=(),
        words="published measurements data panel table gamma models",
    ),
    Question(
        "arena",
        "Whether models are really different, from votes: who is surely ahead of whom, and how many votes would tell.",
        "checks.judging.arena.arena:ArenaInputs",
        "checks.judging.arena.arena:answer",
        {"votes": "votes.csv"},
        "data",
        "evidence",
        placed=("votes",),
        words="really different elo rating leaderboard bradley terry pairwise preference judge rank style length votes arena",
    ),
    Question(
        "drift",
        "Whether two runs or scores of a benchmark differ beyond chance, and what differs between the runs.",
        "checks.judging.drift.drift:DriftInputs",
        "checks.judging.drift.drift:answer",
        {"first": "plain", "second": "chat"},
        decides=True,
        placed=("first", "second"),
        words="bug noise gap vs versus significant regression worse lower scores lm-eval logs mcnemar compare two runs evaluation",
    ),
    Question(
        "saturation",
        "Whether a benchmark still separates models: the smallest gap it can show, and which scores differ.",
        "checks.judging.saturation.saturation:SaturationInputs",
        "checks.judging.saturation.saturation:answer",
        {"benchmark": "GSM8K", "scores": "A=97.1,B=95.2,C=91.0"},
        decides=True,
        placed=("benchmark",),
        words="benchmark saturated separate distinguish leaderboard ceiling items label errors mmlu gsm8k humaneval aime gpqa",
        lists=True,
    ),
    Question(
        "contamination",
        "Whether a model could have seen a test: overlap with a corpus, published reports, the gap to a clean twin.",
        "checks.judging.contamination.contamination:ContaminationInputs",
        "checks.judging.contamination.contamination:answer",
        {"benchmark": "gsm8k", "model": "GPT-4"},
        placed=("items",),
        words="contaminated leak leaked seen training data benchmark memorised memorized overlap ngram gsm8k mmlu cheating",
    ),
    Question(
        "cannot-tell",
        "What published formulas cannot tell: why each is empty, a counterexample computed now, and what to ask instead.",
        "checks.judging.cannot_tell.answer:CannotTellInputs",
        "checks.judging.cannot_tell.answer:answer",
        {"name": "horizon"},
        placed=("name",),
        words="formula wrong misleads circular tautology horizon gamma pade taf agent why not trust counterexample limits",
        lists=True,
    ),
)
