"""From the command line to a node that spins until it is told to end, and then ends in order."""

from __future__ import annotations

import gc
import signal
import sys
import traceback
from collections.abc import Callable

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from cosmos_policy.errors import Failure

#: A signal is noticed at the latest after so long.
WAIT_S = 0.1


def run(make_node: Callable[[], Node], close: Callable[[Node], None]) -> None:
    """Spin the node until SIGINT or SIGTERM, then `close` it while it can still speak, and exit with code 0.

    rclpy's own signal handling would cut the connection first: a robot in motion could not be told to come to rest.
    """
    ending: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda signum, frame: ending.append(signum))
    rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = make_node()
    except (Failure, ValueError) as error:
        rclpy.try_shutdown()
        sys.exit(" ".join(str(error).split()))
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    gc.freeze()  # what is there now stays: collections look at new objects only, and take microseconds
    try:
        while rclpy.ok() and not ending:
            executor.spin_once(timeout_sec=WAIT_S)
    except Exception:
        node.get_logger().fatal(traceback.format_exc())
        sys.exit(1)
    finally:
        close(node)
        executor.shutdown(timeout_sec=0.0)
        node.destroy_node()
        rclpy.try_shutdown()
