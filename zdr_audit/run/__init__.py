"""A run: plan, drive, settle, observe; everything into the journal."""
