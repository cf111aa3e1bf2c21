"""Tiny models of every usual make, with tokenisers trained on the spot, in the files that such models have.

Their weights are random, yet they read, pad and number positions as the large ones do: what is checked on them
is how a model is run, not what it knows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["LIMIT", "MAKES", "WIDTH", "tiny_model"]

LIMIT, WIDTH = 48, 32
"""The longest text in tokens, and the length of vectors."""
_CORPUS = (
    "fresh red apples from the farm, ripe and sweet",
    "oat bars with honey; a snack for the moment of the day when nothing else will do",
    "rye bread, whole grain, sliced",
    "butter croissant: a treat in the morning",
    "dish soap, lemon, the usual pack of two",
    "paper towels for the kitchen, large pack",
    "whole milk 2 l, semi-skimmed milk 1 l",
    "Crème brûlée, pâté, jalapeño & Gruyère",
    "0 1 2 3 4 5 6 7 8 9 a b c d e f g h i j k l m n o p q r s t u v w x y z",
)
_BERT = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
_ROBERTA = {
    "bos_token": "<s>",
    "pad_token": "<pad>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "mask_token": "<mask>",
}
_T5 = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
_GPT = {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
_QWEN = {"pad_token": "<|endoftext|>", "eos_token": "<|im_end|>"}
_LLAMA = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}


@dataclass(frozen=True)
class _Make:
    """A config's class, its tokeniser's class and kind, its special tokens, and where they go."""

    config: str
    tokeniser: str
    kind: str
    special: dict[str, str]
    start: str = ""
    end: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


_SIZE = {"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
_ROTARY = _SIZE | {
    "num_key_value_heads": 1,
    "head_dim": 16,
    "max_position_embeddings": 32_768,
    "bos_token_id": None,
    "eos_token_id": 1,
    "pad_token_id": 0,
}
_POSITIONS = {"max_position_embeddings": LIMIT}
_OFFSET = {"max_position_embeddings": LIMIT + 2, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}

MAKES: dict[str, _Make] = {
    "bert": _Make("BertConfig", "BertTokenizer", "wordpiece", _BERT, "[CLS]", "[SEP]", _SIZE | _POSITIONS),
    "distilbert": _Make(
        *("DistilBertConfig", "DistilBertTokenizer", "wordpiece", _BERT, "[CLS]", "[SEP]"),
        {"dim": WIDTH, "n_layers": 2, "n_heads": 2, "hidden_dim": 48} | _POSITIONS,
    ),
    "electra": _Make(
        *("ElectraConfig", "ElectraTokenizer", "wordpiece", _BERT, "[CLS]", "[SEP]"),
        _SIZE | _POSITIONS | {"embedding_size": 16},
    ),
    "modernbert": _Make(
        *("ModernBertConfig", "TokenizersBackend", "wordpiece", _BERT, "[CLS]", "[SEP]"),
        _SIZE
        | {"max_position_embeddings": 8192, "local_attention": 8, "global_attn_every_n_layers": 2, "pad_token_id": 0}
        | {"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3},
    ),
    "mpnet": _Make("MPNetConfig", "MPNetTokenizer", "wordpiece", _ROBERTA, "<s>", "</s>", _SIZE | _OFFSET),
    "roberta": _Make("RobertaConfig", "RobertaTokenizer", "bytes", _ROBERTA, "<s>", "</s>", _SIZE | _OFFSET),
    "xlm-roberta": _Make(
        "XLMRobertaConfig", "XLMRobertaTokenizer", "unigram", _ROBERTA, "<s>", "</s>", _SIZE | _OFFSET
    ),
    "t5": _Make(
        *("T5Config", "T5Tokenizer", "unigram", _T5, "", "</s>"),
        {"d_model": WIDTH, "d_kv": 16, "d_ff": 48, "num_layers": 2, "num_heads": 2, "decoder_start_token_id": 0},
    ),
    "gpt2": _Make(
        *("GPT2Config", "GPT2Tokenizer", "bytes", _GPT, "", ""),
        {"n_positions": LIMIT, "n_embd": WIDTH, "n_layer": 2, "n_head": 2, "bos_token_id": 0, "eos_token_id": 0},
    ),
    "llama": _Make("LlamaConfig", "LlamaTokenizer", "pieces", _LLAMA, "<s>", "", _ROTARY),
    "qwen2": _Make("Qwen2Config", "Qwen2Tokenizer", "bytes", _QWEN, "", "", _ROTARY),
    "qwen3": _Make("Qwen3Config", "Qwen2Tokenizer", "bytes", _QWEN, "", "<|endoftext|>", _ROTARY),
}
"""Makes of model by name."""


def tiny_model(
    folder: Path,
    make: str = "bert",
    *,
    side: str = "right",
    head: str = "",
    said: dict[str, Any] | None = None,
    **changes: Any,
) -> Path:
    """Save a model of random weights, and its tokeniser, in `folder`.

    Parameters
    ----------
    make : one of `MAKES`.
    side : where its tokeniser says that batches are padded.
    head : a class of transformers such as `"GPT2LMHeadModel"`, to save a model with that head.
    said : more of its tokeniser's settings; a value of None takes one away.
    changes : settings of the model's config.
    """
    import torch
    import transformers

    folder.mkdir(parents=True, exist_ok=True)
    of = MAKES[make]
    words = _save_tokeniser(folder, of, side, said or {})
    settings = {"initializer_range": 0.2, "initializer_factor": 1.0} | of.settings | {"vocab_size": words} | changes
    config = getattr(transformers, of.config)(**settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        named = getattr(transformers, head) if head else None
        model = named(config) if named else transformers.AutoModel.from_config(config)
        for weights in model.parameters():  # some makes begin with biases and norms that say nothing
            if weights.ndim == 1:
                weights.data += 0.1 * torch.randn_like(weights)
    _save(model, folder)
    return folder


def _save(model: Any, folder: Path) -> None:
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        model.save_pretrained(folder)
    finally:
        if shown:
            logging.enable_progress_bar()


def _save_tokeniser(folder: Path, of: _Make, side: str, said: dict[str, Any]) -> int:
    """Train, save, and say how many tokens there are."""
    from tokenizers import processors

    special = list(dict.fromkeys(of.special.values()))
    made = _TRAINED[of.kind](special)
    if of.start or of.end:
        ends = [(one, made.token_to_id(one)) for one in dict.fromkeys((of.start, of.end)) if one]
        parts = (f"{of.start}:0 " if of.start else "") + "$A:0" + (f" {of.end}:0" if of.end else "")
        made.post_processor = processors.TemplateProcessing(single=parts, special_tokens=ends)
    made.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": of.tokeniser, "model_max_length": LIMIT, "padding_side": side} | of.special | said
    kept = {name: value for name, value in settings.items() if value is not None}
    (folder / "tokenizer_config.json").write_text(json.dumps(kept), "utf-8")
    return int(made.get_vocab_size())


def _wordpiece(special: list[str]) -> Any:
    """As BERT's: lower case, pieces of words."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    unknown = next(one for one in special if "unk" in one.lower())
    made: Any = Tokenizer(models.WordPiece(unk_token=unknown))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.train_from_iterator(
        _CORPUS, trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    )
    return made


def _bytes(special: list[str]) -> Any:
    """As GPT-2's: runs of bytes, spaces among them."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made: Any = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        _CORPUS,
        trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False),
    )
    return made


def _pieces(special: list[str]) -> Any:
    """As Llama's: pieces that begin with a mark for the space, and bytes where there is none."""
    from tokenizers import Tokenizer, decoders, models, normalizers, trainers

    made: Any = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))  # noqa: S106  # no password
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    fallback = [f"<0x{byte:02X}>" for byte in range(256)]
    made.train_from_iterator(
        _CORPUS, trainers.BpeTrainer(vocab_size=600, special_tokens=[*special, *fallback], show_progress=False)
    )
    return made


def _unigram(special: list[str]) -> Any:
    """As SentencePiece's: the likeliest pieces."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made: Any = Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    made.train_from_iterator(
        _CORPUS,
        trainers.UnigramTrainer(vocab_size=200, special_tokens=special, unk_token="<unk>", show_progress=False),  # noqa: S106
    )
    return made


_TRAINED: dict[str, Callable[[list[str]], Any]] = {
    "wordpiece": _wordpiece,
    "bytes": _bytes,
    "pieces": _pieces,
    "unigram": _unigram,
}
