"""What the service tells of its own work: metrics, traces, and a line of the log for a request."""
