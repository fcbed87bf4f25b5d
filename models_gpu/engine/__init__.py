"""Forward passes: batches, scores, decoding, recorded activations, edited and cached passes."""
