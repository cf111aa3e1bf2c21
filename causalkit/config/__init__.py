"""A run's config: strict YAML in, a validated and filled `Config` out, every problem at once."""

from causalkit.config.model import (
    Config,
    ConfigRow,
    describe_config,
    example_names,
    load_config,
    read_knowledge,
    resolved_config,
)
from causalkit.config.plans import CleanPlan, IdentifyPlan, SplitPlan
from causalkit.config.selection import Selection

__all__ = [
    "CleanPlan",
    "Config",
    "ConfigRow",
    "IdentifyPlan",
    "Selection",
    "SplitPlan",
    "describe_config",
    "example_names",
    "load_config",
    "read_knowledge",
    "resolved_config",
]
