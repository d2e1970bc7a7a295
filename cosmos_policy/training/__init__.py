"""Post-training: recorded robot data in, a checkpoint that :func:`cosmos_policy.load` answers with out.

Data flows one way: a dataset becomes prepared episodes (``data``), episodes become windows with latents and prompts,
windows become batches (``roles``, ``batches``), a batch goes once through diffusers' transformer (``stream``), and the
flow-matching loss (``objective``) comes back. ``trainer`` turns the wheel, ``export`` writes what was learnt.
"""
