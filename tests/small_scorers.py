"""Linear scorers that are fitted in a moment: all there are, the learned ones of few dimensions and few passes."""

from __future__ import annotations

from kindred.linear.scorers.scorer_config import FactorConfig, NetworkConfig, ScorerConfig

SCORERS = ScorerConfig(factors=FactorConfig(ranks=(6, 8), rounds=2), network=NetworkConfig(steps=20))
