"""Tags of tracks: from frames and given tags to probabilities, a file, edges and vectors."""
