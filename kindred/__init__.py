"""Kindred: recommendations that live on a graph database."""
