"""What a notebook shows of a run while it trains: viewers of its folder, which drop edits into its mailbox."""
