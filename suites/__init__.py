"""The control suites: a folder per control family. Scenarios send, tests read the journal; see ARCHITECTURE.md."""
