"""Dataset replay: what would this checkpoint have done, and how well does it know this robot's world?"""
