"""Report and Figure, and how they are shown: terminal, Markdown, JSON, HTML."""

from ropescope.report.report import BASES, Basis, Column, Fact, Figure, Report, Scalar, Step, Table

__all__ = ["BASES", "Basis", "Column", "Fact", "Figure", "Report", "Scalar", "Step", "Table"]
