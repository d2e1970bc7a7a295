"""One model on several devices: one process each, all of which run the same engine on their own share of the work.

``mesh`` is who computes what, ``sharding`` the weights of one process, ``context`` its tokens, ``share`` its branches,
``group`` how the first process leads the others, and ``launch`` how they come to be.
"""
