"""From a loaded log to one that can be estimated from: check, clean, split, derive columns, build variables."""

from causalkit.preparation.checking import check
from causalkit.preparation.cleaning import Cleaning, clean, clean_texts
from causalkit.preparation.derivation import derive
from causalkit.preparation.splitting import split
from causalkit.preparation.table import variables
from causalkit.preparation.texts import check_texts, text_notes

__all__ = [
    "Cleaning",
    "check",
    "check_texts",
    "clean",
    "clean_texts",
    "derive",
    "split",
    "text_notes",
    "variables",
]
