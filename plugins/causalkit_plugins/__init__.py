"""The built-in plugin of causalkit: it comes in through the same entry points as a stranger's."""
