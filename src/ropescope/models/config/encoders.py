"""Which configs are encoders: networks that read the whole text at once, and keep nothing of it for a next token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ropescope.models.config.fields import Fields

ENCODERS: Final = frozenset(
    """
    albert bert big_bird camembert convbert data2vec-text deberta deberta-v2 distilbert electra ernie ernie_m esm esmc
    eurobert flaubert fnet funnel gte ibert jina_bert jina_embeddings_v3 layoutlm layoutlmv2 layoutlmv3 lilt
    longformer luke markuplm megatron-bert mobilebert modernbert mpnet mra neobert neomme new nezha nomic_bert
    nystromformer rembert roberta roberta-prelayernorm roc_bert roformer splinter squeezebert tapas ultrabert xlm
    xlm-roberta xlm-roberta-xl xmod yoso
    """.split()
)
"""Model types whose network returns no cache unless `is_decoder` says so (transformers 5.23); and some of remote code."""

_OF_IMAGES_AND_SPEECH: Final = frozenset(
    """
    altclip audio-spectrogram-transformer beit chinese_clip chinese_clip_text_model clap clap_text_model clip
    clip_text_model clip_vision_model clipseg clipseg_text_model data2vec-audio data2vec-vision deit dinov2
    dinov2_with_registers dinov3_vit groupvit_text_model hubert siglip siglip2 siglip2_text_model siglip2_vision_model
    siglip_text_model siglip_vision_model unispeech unispeech-sat videomae vit vit_mae vit_msn wav2vec2 wav2vec2-bert
    wav2vec2-conformer wavlm
    """.split()
)
"""Model types that turn images, speech, or a text beside one into vectors; none of them writes a text."""


def is_encoder(config: Mapping[str, Any], fields: Fields) -> bool:
    """Whether every token sees the whole text: by the model type, or by a field that switches causal masks off."""
    for place in (config, fields.config):
        if place.get("is_decoder") is True:
            return False
        if place.get("is_causal") is False or place.get("use_bidirectional_attention") in (True, "all"):
            return True
    return fields.model_type in ENCODERS | _OF_IMAGES_AND_SPEECH
