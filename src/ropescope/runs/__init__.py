"""Long work as pieces that are kept: what a job is, where its pieces are kept, how they are done, and how what comes of it
is saved. Standard library only."""
