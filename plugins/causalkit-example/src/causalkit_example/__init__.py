"""The smallest honest plugin of causalkit."""
