"""A controlled trial of the RoPE base: the same small decoder, trained from the same data, order and initial weights at
several bases, and measured with the instrument of `measure`. What is expected is stated before anything is trained."""
