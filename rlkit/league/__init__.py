"""Players against players: matches, ratings, and the pool of frozen opponents."""
