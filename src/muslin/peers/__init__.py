"""Other projects' models, run by their own code in their own environments, and judged as ours are.

`known.py` says which there are, `environment.py` where they are installed, `exam_files.py` what they may see,
`runner.py` how they run, and `answers.py` puts the pieces together for an evaluation. `adapters/` runs on the other
side.
"""
