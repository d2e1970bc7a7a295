"""A test robot: one process with cameras, joints and a trajectory controller, and an operator who talks to the node.

It is no part of the product. It is told what to do by lines of JSON on its standard input (see ``__main__``).
"""
