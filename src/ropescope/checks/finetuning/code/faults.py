"""The rules for training scripts: what each finds, why it is a fault, how to mend it, and where that is documented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Rule:
    """Why something is a fault and how to mend it; `source` documents it."""

    why: str
    mend: str
    source: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault at a line: the rule's name in `RULES`, and what was found, in words."""

    line: int
    rule: str
    found: str


@dataclass(frozen=True, slots=True)
class Open:
    """A value that the script computes, so that a rule cannot tell."""

    line: int
    what: str


RULES: Final[Mapping[str, Rule]] = {
    "frozen-adapter": Rule(
        "from_pretrained loads an adapter for inference: 0 parameters are trainable.",
        "Pass is_trainable=True.",
        "huggingface/peft issue 282",
    ),
    "prepared-after": Rule(
        "prepare_model_for_kbit_training freezes every parameter, those of the adapter included.",
        "Call it on the base, before the adapter is added.",
        "huggingface/peft pull request 2305, huggingface/trl issue 3926",
    ),
    "no-match": Rule(
        "peft raises ValueError where target_modules matches no module.",
        "Name modules of this base.",
        "peft/tuners/tuners_utils.py of peft 0.21.2",
    ),
    "part-unmatched": Rule(
        "peft ignores a name that matches no module as long as another does: it stays untrained.",
        "Correct the name or remove it.",
        "peft/tuners/tuners_utils.py of peft 0.21.2",
    ),
    "not-a-layer": Rule(
        "LoRA is put on linear layers and embeddings; peft raises ValueError for a module that holds others.",
        "Name the layers in it.",
        "peft/tuners/lora/model.py of peft 0.21.2",
    ),
    "untrained-tokens": Rule(
        "The embeddings are frozen, so that the rows of the new tokens stay as they were initialised.",
        "Add the embeddings to modules_to_save, or the ids to trainable_token_indices.",
        "huggingface/peft issue 334",
    ),
    "masked-eos": Rule(
        "Every token equal to pad_token gets the label −100, the end of each text included: the model does not learn to stop.",
        "Use a pad token of its own, or mask by attention_mask.",
        "huggingface/transformers issue 23530",
    ),
    "adapter-twice": Rule(
        "TRL refuses a PeftModel together with a peft_config.",
        "Pass the base with peft_config, or the PeftModel without.",
        "trl/trainer/sft_trainer.py of trl 1.16.0",
    ),
    "adapter-on-adapter": Rule(
        "The keys of the saved adapter do not match inside a PeftModel: its weights are not loaded.",
        "Load it on the base.",
        "measured with peft 0.21.2",
    ),
    "early-optimizer": Rule(
        "The optimizer holds the parameters of the base, which are frozen, and none of the adapter.",
        "Create the optimizer after get_peft_model.",
        "measured with peft 0.21.2",
    ),
    "inference-mode": Rule(
        "With inference_mode=True no parameter of the adapter is trainable.",
        "Leave inference_mode out.",
        "measured with peft 0.21.2",
    ),
    "unknown-argument": Rule(
        "LoraConfig raises TypeError for an argument that it does not have.",
        "Use the name that it has.",
        "peft/tuners/lora/config.py of peft 0.21.2",
    ),
    "untrained-head": Rule(
        "Without task_type the new classification head is frozen, and it is not saved.",
        "Pass task_type, or add the head to modules_to_save.",
        "measured with peft 0.21.2",
    ),
    "emptied-model": Rule(
        "merge_and_unload returns the merged model; what is left has no adapter, and saves an empty one.",
        "Keep the result: merged = model.merge_and_unload(), and save that.",
        "measured with peft 0.21.2",
    ),
}

ARGUMENTS: Final = frozenset(
    """
    alora_invocation_tokens alpha_pattern arrow_config auto_mapping base_model_name_or_path bias corda_config
    ensure_weight_tying eva_config exclude_modules fan_in_fan_out inference_mode init_lora_weights kasa_config
    layer_replication layers_pattern layers_to_transform loftq_config lora_alpha lora_bias lora_dropout lora_ga_config
    megatron_config megatron_core modules_to_save monteclora_config peft_type peft_version qalora_group_size r rank_pattern
    revision runtime_config target_modules target_parameters task_type trainable_token_indices use_bdlora use_dora
    use_qalora use_rslora velora_config
    """.split()
)
"""What LoraConfig of peft 0.21.2 takes."""

NEAR: Final[Mapping[str, str]] = {
    "rank": "r", "lora_r": "r", "lora_rank": "r", "alpha": "lora_alpha", "dropout": "lora_dropout", "rslora": "use_rslora",
    "dora": "use_dora", "target_module": "target_modules", "targets": "target_modules", "modules": "target_modules",
}  # fmt: skip
"""Names that other libraries have for the same."""
