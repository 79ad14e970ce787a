"""What a model costs: to train, by the operations it takes; to host, by the ceilings of `speed`; to buy, by list prices."""
