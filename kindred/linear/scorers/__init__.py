"""The linear scorers, each from a feature of the user to a score of every item, and which of them the data allows."""
