"""What runs in a peer's own interpreter: one file a library, and what they share.

Nothing here imports Muslin, for Muslin is not there: numpy, scipy, pyarrow and the peer's own library are. Muslin
imports the files too, to read what a peer says of itself; that is why a library is imported inside functions only.
"""
