"""causalkit.examples"""
