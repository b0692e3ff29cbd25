"""What the service speaks on every route: problems, plain replies, times, HEAD, and the routes that are found first."""
