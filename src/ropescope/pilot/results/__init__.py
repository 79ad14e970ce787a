"""What a trial found, and how it is told: summary, tables, figures, report."""
