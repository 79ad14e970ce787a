"""What is published about a model at length, benchmark by benchmark, and who ran each row."""
