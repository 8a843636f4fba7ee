"""What a catalogue's features can say about a garment nobody has clicked and a shopper nobody knows."""
