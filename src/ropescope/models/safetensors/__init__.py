"""safetensors files: their headers, and what they hold."""
