"""The panel of published measurements as a report, with what is doubtful in it."""
