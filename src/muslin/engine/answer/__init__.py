"""From a shopper's question to a list: who may be shown, in what order, how likely, and why."""
