"""Estimators of causalkit on EconML."""
