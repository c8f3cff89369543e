"""What an address may cost an edge, before anybody knows who is there."""
