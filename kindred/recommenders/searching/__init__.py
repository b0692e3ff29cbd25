"""Products for searches: from the graph to words, vectors and towers, and to answers."""
