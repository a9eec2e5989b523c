"""The commands: each module here is one, and has a function of its own name. A new one needs no other change."""
