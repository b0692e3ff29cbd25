"""The second stage of tracks and listens: a network ranks what retrieval finds."""
