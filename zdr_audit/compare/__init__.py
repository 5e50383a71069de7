"""Two reports side by side: what is new, fixed, changed, no longer looked at."""
