"""Posts of a feed and clicks of a news site: from the graph to answers as of a time, and how they are judged."""
