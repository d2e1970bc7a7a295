"""What client and server say to each other: arrays in msgpack, typed requests and answers, the contract.

numpy and msgpack only, Python 3.10: the robot's side imports this.
"""
