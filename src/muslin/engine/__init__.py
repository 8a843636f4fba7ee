"""The engine: a fitted model that answers, stores itself and knows nothing of HTTP."""
