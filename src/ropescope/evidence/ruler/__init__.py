"""What is published about a model at length: the RULER leaderboard, and who ran each row."""
