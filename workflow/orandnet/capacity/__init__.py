"""What a run asks of a GPU, memory and time, counted on tensors that have shapes and no numbers."""
