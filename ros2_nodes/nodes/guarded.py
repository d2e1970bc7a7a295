"""A lifecycle node that no request can kill, and that tells what went wrong.

rclpy's own lets an invalid transition request end the process (rclpy issue 1209) and swallows exceptions of the
transition callbacks without a word.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from rclpy.exceptions import InvalidHandle
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from cosmos_policy.errors import Failure


class GuardedLifecycleNode(LifecycleNode):
    """Subclasses fill in ``configure``, ``activate``, ``deactivate`` and ``cleanup``; each raises where it fails.

    A :class:`UsageError` (any ``ValueError`` of ours) or :class:`Failure` fails the transition with its one sentence in
    the log; anything else is logged with its traceback, and the node is cleaned up.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        service = self._service_change_state
        service.callback = self._refusing_the_impossible(service.callback)

    def configure(self) -> None:
        """Unconfigured -> inactive."""

    def activate(self) -> None:
        """Inactive -> active."""

    def deactivate(self) -> None:
        """Active -> inactive."""

    def cleanup(self) -> None:
        """Give everything back, whatever there is; called before unconfigured, shutdown and exit, also twice."""

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._attempt(self.configure, undo=self.cleanup)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._attempt(self.activate, undo=self.deactivate)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._attempt(self.deactivate)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._attempt(self.cleanup)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._attempt(lambda: (self.deactivate(), self.cleanup()))

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._attempt(lambda: (self.deactivate(), self.cleanup()))

    def guarded(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        """`callback`, with its exceptions logged and given to :meth:`failed`: the executor goes on."""

        def call(*arguments: Any) -> Any:
            try:
                return callback(*arguments)
            except InvalidHandle:  # what it speaks through was destroyed while it waited for its turn
                return None
            except Exception as error:
                self.get_logger().error(traceback.format_exc())
                self.failed(error)
                return None

        return call

    def failed(self, error: Exception) -> None:
        """A callback broke; it is in the log already."""

    def _attempt(self, action: Callable[[], Any], undo: Callable[[], None] | None = None) -> TransitionCallbackReturn:
        try:
            action()
            return TransitionCallbackReturn.SUCCESS
        except (Failure, ValueError) as error:
            ours = isinstance(error, Failure) or type(error).__module__.partition(".")[0] != "builtins"
            self.get_logger().error(" ".join(str(error).split()) if ours else traceback.format_exc())
            outcome = TransitionCallbackReturn.FAILURE
        except Exception:
            self.get_logger().error(traceback.format_exc())
            outcome = TransitionCallbackReturn.ERROR
        if undo is not None:
            try:
                undo()
            except Exception:
                self.get_logger().error(traceback.format_exc())
                outcome = TransitionCallbackReturn.ERROR
        return outcome

    def _refusing_the_impossible(self, change_state: Callable[..., Any]) -> Callable[..., Any]:
        def callback(request: Any, response: Any) -> Any:
            known = {number: label for number, label, *_ in self._state_machine.available_transitions}
            wanted, label = request.transition.id, request.transition.label
            if (label and label not in known.values()) or (not label and wanted not in known):
                self.get_logger().error(
                    f"The transition {label or wanted} is impossible in the state "
                    f"{self._state_machine.current_state[1]}; possible now: "
                    f"{', '.join(f'{name} ({number})' for number, name in known.items())}."
                )
                response.success = False
                return response
            return change_state(request, response)

        return callback
