"""The reasoner: the model's language half, which looks at pictures and videos and answers in words.

It runs on transformers' network, whose language weights are the generator's own: one copy in memory.
"""
