"""A model's folder as the sentence-transformers library has written it, then and now."""

import json

from causalkit_plugins.examples._tiny_models import WIDTH

OLD_POOLING = {
    "mean": "pooling_mode_mean_tokens",
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
    "last": "pooling_mode_lasttoken",
}


def save_sentences(folder, pooling, *, normalise=False, general=None, include_prompt=True, width=WIDTH, **settings):
    """Add the files of a sentence-transformers model of version 5 and before to a bare one."""
    named = [("", "Transformer"), ("1_Pooling", "Pooling")] + ([("2_Normalize", "Normalize")] if normalise else [])
    modules = [
        {"idx": k, "name": str(k), "path": path, "type": f"sentence_transformers.models.{name}"}
        for k, (path, name) in enumerate(named)
    ]
    modes = {mode: name == pooling for name, mode in OLD_POOLING.items()}
    (folder / "1_Pooling").mkdir(exist_ok=True)
    for name, said in (
        ("modules.json", modules),
        ("1_Pooling/config.json", {"word_embedding_dimension": width, "include_prompt": include_prompt} | modes),
        ("sentence_bert_config.json", {"do_lower_case": False} | settings),
        ("config_sentence_transformers.json", general or {}),
    ):
        (folder / name).write_text(json.dumps(said))
    return folder
