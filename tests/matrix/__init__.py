"""The kill matrix: choosing, judging, publishing, and the warm processes."""
