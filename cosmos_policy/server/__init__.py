"""The server: dialects translate, a scheduler orders and batches, one worker process owns the model.

Data flows one way: transport -> dialect -> service -> scheduler -> worker, and the answer back by the same road.
Nothing that computes runs on the event loop.
"""
