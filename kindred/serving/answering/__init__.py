"""Who answers for a system: what answers best, and what takes its place when it fails or waits."""
