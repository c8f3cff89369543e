"""The subcommands, by who uses them."""
