"""All scorers in one space: weighed on held-out events, summed and brought to its width."""
