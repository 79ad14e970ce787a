"""One file per question that files and text alone can answer: typed inputs in, a Report out."""
