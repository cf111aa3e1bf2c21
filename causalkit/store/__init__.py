"""A run on disk: its folder, and how types become files."""

from causalkit.store.atomic import refused_by_system
from causalkit.store.folder import UNCONFIGURED, RunFolder, find_run, run_folders

__all__ = ["UNCONFIGURED", "RunFolder", "find_run", "refused_by_system", "run_folders"]
