"""The addresses of the service and the form of what they take and give."""
