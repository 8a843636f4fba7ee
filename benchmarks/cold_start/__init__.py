"""The cold-start benchmark: every method and peer, every protocol, every data set, one command.

python -m benchmarks.cold_start [DATA ...]      figures into benchmarks/results/DATA.json; resumes after a kill
python -m benchmarks.cold_start.report          tables and curves of those figures into docs/benchmark.md
python -m benchmarks.cold_start.falsify         which of our claims survive
"""
