"""One file a protocol: what is hidden, who is asked, and among which candidates the truth must be found."""
