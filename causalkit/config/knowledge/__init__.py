"""The `knowledge` section: tiers, edges, rules, triples and reviewed graphs, inline or in files of their own."""

from causalkit.config.knowledge.gathered import knowledge_about
from causalkit.config.knowledge.section import knowledge_section

__all__ = ["knowledge_about", "knowledge_section"]
