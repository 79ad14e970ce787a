"""What a measurement found, and how it is told: data, figures, report."""
