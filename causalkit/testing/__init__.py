"""causalkit.testing"""
