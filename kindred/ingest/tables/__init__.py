"""Tables of one's own: which of their columns holds what, as given, mapped or guessed from their first rows."""
