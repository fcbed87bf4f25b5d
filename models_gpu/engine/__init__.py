"""Forward passes: batches, logits, decoding, recorded activations, passes with edited neurons."""
