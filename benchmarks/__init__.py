"""Benchmarks: long measurements that the test suite has no time for. `make bench` runs them all and prints figures."""
