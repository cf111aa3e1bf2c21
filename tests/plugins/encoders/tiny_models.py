"""Texts for the tiny models, how their tokeniser is saved, and the plain way to encode."""

import json

TEXTS = [
    "oat bars",
    "a new oat drink, just launched, for the moment of the day when nothing else will do",
    "rye bread",
    "",
    "rye bread",
    "butter croissant: a treat for the moment",
    "dish soap, the usual pack",
    "unbekannt ☃ 特別",
    "soap " * 60,
]


def save_tokeniser(tokeniser, folder, side="right", limit=32, special=True):
    from tokenizers import Tokenizer, processors

    made = Tokenizer.from_str(tokeniser.to_str())
    if special:
        made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    made.enable_padding(direction=side, pad_id=0, pad_token="[PAD]", length=40)
    made.enable_truncation(8)
    made.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": limit, "padding_side": side}
    named = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | named))


def one_by_one(folder, pooling, limit=32, empty=2):
    """Each text alone through the plain library path, no padding and no batches."""
    import numpy as np
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModel

    tokeniser = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokeniser.no_padding()
    tokeniser.enable_truncation(limit)
    model = AutoModel.from_pretrained(folder).eval()
    rows = []
    for text in TEXTS:
        ids = tokeniser.encode(text).ids or [empty]
        with torch.no_grad():
            hidden = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
        pooled = {"mean": hidden.mean(0), "cls": hidden[0], "last": hidden[-1], "max": hidden.amax(0)}
        rows.append(pooled[pooling].numpy())
    return np.array(rows)
