"""Tags of tracks without a network: from frames, from other tags, and as probabilities that can be believed."""
