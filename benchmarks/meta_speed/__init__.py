"""Speed and memory of meta-training, ours beside what others do, in one run."""
