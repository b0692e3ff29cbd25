"""What the settings of a run are worth, and beside what."""
