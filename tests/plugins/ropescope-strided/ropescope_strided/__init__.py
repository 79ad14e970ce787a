"""A plugin of ropescope: keep every n-th token of a cache. Importing this costs nothing: all else is imported when it is asked."""

from ropescope.questions.question import Question

QUESTION = Question(
    "strided",
    "How much of a KV cache is left where only every n-th token stays.",
    "ropescope_strided.question:StridedInputs",
    "ropescope_strided.question:answer",
    {"source": "smollm2", "context": "8k", "every": "4"},
    words="stride every nth token keep",
)
