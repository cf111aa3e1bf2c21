"""A tracker of causalkit that writes to MLflow."""
