"""A Sigstore deployment of our own on loopback: who vouches, who certifies, who logs, and the files that tell a client whom to trust."""
