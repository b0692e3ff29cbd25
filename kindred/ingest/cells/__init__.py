"""What one value of a row says: ids, texts, numbers, times and ratings, or why it can't be used."""
