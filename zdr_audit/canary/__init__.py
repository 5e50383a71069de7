"""Canaries: made, remembered by keyed digest, and found again in whatever form a store gave them."""
