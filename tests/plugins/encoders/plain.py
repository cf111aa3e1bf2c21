"""The plain way to encode: each text alone through transformers, no padding and no batches."""

import numpy as np


def each_alone(folder, texts, limit, skip=0):
    """Vectors of each text under each pooling; `skip` leaves out so many tokens at the start, of all or of each."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokeniser, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).float().eval()
    named = (getattr(model.config, f"{which}_token_id", None) for which in ("bos", "eos"))
    filler = next((one for one in named if one is not None), 0)
    if getattr(model.config, "is_encoder_decoder", False):
        model = model.get_encoder()
    rows = {"mean": [], "cls": [], "last": [], "max": []}
    for text, start in zip(texts, np.broadcast_to(skip, len(texts)), strict=True):
        ids = tokeniser(text, truncation=True, max_length=limit)["input_ids"] or [filler]
        with torch.no_grad():
            hidden = model(input_ids=torch.tensor([ids])).last_hidden_state[0, start:]
        pooled = {"mean": hidden.mean(0), "cls": hidden[0], "last": hidden[-1], "max": hidden.amax(0)}
        for pooling, vector in pooled.items():
            rows[pooling].append(vector.numpy())
    return {pooling: np.array(vectors, np.float32) for pooling, vectors in rows.items()}
