"""From facts to token ids: clozes for masked models, prompts for causal ones, and queries."""
