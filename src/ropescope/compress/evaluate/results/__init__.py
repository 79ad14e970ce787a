"""What an evaluation found, and how it is told: summary, figures, report."""
