"""What a model's rotary positions become for a longer context, and which method makes them so."""
