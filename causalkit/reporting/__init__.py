"""The report of a run, in HTML and in plain text, made from results alone."""

from __future__ import annotations

from causalkit.reporting.view import Count, DatasetFacts, LadderRow, ReportView, TextGain

__all__ = ["Count", "DatasetFacts", "LadderRow", "ReportView", "TextGain"]
