"""causalkit.reporting"""
