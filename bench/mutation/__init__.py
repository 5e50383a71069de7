"""Mutation testing of the code that verdicts rest on: what is broken on purpose must make a test fail. Run: `python -m bench.mutation`."""
