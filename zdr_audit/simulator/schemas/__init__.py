"""The shapes of requests and answers; the interface document is generated from them."""
