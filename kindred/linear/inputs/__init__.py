"""What scorers read: who knows which item, sums over a user's events, texts of events, and what items lead to."""
