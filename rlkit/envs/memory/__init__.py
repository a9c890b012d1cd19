"""Problems that need memory: any other problem with some of its numbers hidden, and a cue to be recalled."""
