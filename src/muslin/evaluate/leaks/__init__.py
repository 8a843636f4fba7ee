"""Ways in which an answer reaches a method before it is asked, each in a file of its own."""
