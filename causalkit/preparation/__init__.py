"""From a loaded log to one that can be estimated from: check, clean, split, derive columns, build variables."""

from causalkit.preparation.checking import check
from causalkit.preparation.cleaning import Cleaning, clean
from causalkit.preparation.derivation import derive
from causalkit.preparation.splitting import split
from causalkit.preparation.table import variables
from causalkit.preparation.texts import text_notes

__all__ = ["Cleaning", "check", "clean", "derive", "split", "text_notes", "variables"]
