"""Closed-form scorers and their ensemble in one space of dot products."""
