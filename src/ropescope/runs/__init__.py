"""Long work as pieces that are kept: what a job is, where its pieces are kept, and how they are done. Standard library only."""
