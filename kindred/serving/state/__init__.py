"""What the service holds of the graph: the past in memory, stored events, and the one door to the graph itself."""
