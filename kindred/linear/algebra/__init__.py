"""Products, solutions and directions of matrices, which know nothing of users or items."""
