"""What it takes to serve a model: devices, engines, precisions, and what they hold and move."""
