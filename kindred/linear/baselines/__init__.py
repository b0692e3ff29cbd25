"""What every model is compared with: rankings, neighbours, factors and ratings."""
