"""Models on this machine: where their files lie, and which of them are safe to read."""

from causalkit.model_files.finding import find_weights, folder_pin, weights_fingerprint
from causalkit.model_files.safety import code_of, module_folders, read_json, refuse_unread, refuse_unsafe

__all__ = [
    "code_of",
    "find_weights",
    "folder_pin",
    "module_folders",
    "read_json",
    "refuse_unread",
    "refuse_unsafe",
    "weights_fingerprint",
]
