"""Every command: opens the stores, calls one function, prints."""
