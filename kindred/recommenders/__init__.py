"""The recommender systems: composition only."""
