"""A tiny CLIP with random weights, in the files that any CLIP has: for checks and tests of what reads images."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["LIMIT", "SIDE", "tiny_clip"]

LIMIT, SIDE, WIDTH = 12, 16, 24
"""Tokens that it takes, pixels of a side that it sees, and the length of its vectors."""
_TOWER = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
_BEGIN, _END = "<|startoftext|>", "<|endoftext|>"
_PIXELS = {"image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28], "resample": 3}


def tiny_clip(folder: Path, seed: int = 0) -> Path:
    """Write the model to `folder` as transformers does, its weights drawn by `seed`; returns the folder."""
    import torch
    from safetensors.torch import save_file
    from transformers import CLIPConfig, CLIPModel

    folder.mkdir(parents=True, exist_ok=True)
    words = _tokeniser(folder)
    ends = {"bos_token_id": words - 2, "eos_token_id": words - 1, "pad_token_id": words - 1}
    config = CLIPConfig(
        text_config=_TOWER | ends | {"vocab_size": words, "max_position_embeddings": LIMIT},
        vision_config=_TOWER | {"image_size": SIDE, "patch_size": 8},
        projection_dim=WIDTH,
        initializer_factor=8.0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config.save_pretrained(folder)
        save_file(CLIPModel(config).state_dict(), folder / "model.safetensors", {"format": "pt"})
    (folder / "preprocessor_config.json").write_text(json.dumps(_image_settings()), "utf-8")
    return folder


def _image_settings() -> dict[str, object]:
    done = dict.fromkeys(("do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb"), True)
    sizes = {"size": {"shortest_edge": SIDE}, "crop_size": {"height": SIDE, "width": SIDE}}
    return {"image_processor_type": "CLIPImageProcessor", "rescale_factor": 1 / 255} | done | sizes | _PIXELS


def _tokeniser(folder: Path) -> int:
    """A token for each byte, within a word and at its end, and for two words; how many there are."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    pieces = [piece + end for piece in sorted(ByteLevel.alphabet()) for end in ("", "</w>")]
    merges = ["o a", "oa t</w>", "s o", "so a", "soa p</w>"]
    pieces += [merge.replace(" ", "") for merge in merges]
    vocabulary = {piece: place for place, piece in enumerate([*pieces, _BEGIN, _END])}
    made = CLIPTokenizer(vocab=vocabulary, merges=[tuple(merge.split()) for merge in merges], model_max_length=LIMIT)
    made.save_pretrained(folder)
    return len(vocabulary)
