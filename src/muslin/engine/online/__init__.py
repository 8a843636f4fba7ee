"""What a running shop tells: durable events, and the state that follows from them. Start reading at `online.py`."""
