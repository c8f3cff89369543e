"""Who belongs to what, and one join of bytes per flush for all who get the same.

How a door uses it (E: its event, R: its rendering, any hashable; e.g. websocket, sse, sse full, sse
unnamed):

- `fanout = Fanout(render)`, one per process and loop; `render(event, rendering, request_id) ->
  bytes` gives the wire form (a `text_frame`, or an SSE block) and is called once per event,
  rendering and request_id.
- A session makes `receiver = Receiver(fanout, sink, rendering, owner)`; sink is its `Socket` or
  `SseStream`; its `on_backlog(waiting)` calls `receiver.on_backlog(waiting)`, its `on_close` calls
  `receiver.close()`.
- Trunk LIVE, in its order: Join → `fanout.join(receiver, number, request_id, held=True)` (not held
  where the subscription's CaughtUp has come already), Part → `fanout.part(receiver, number)`, event
  → `fanout.publish(event, numbers, position, size, mark)`, Bookmark → `fanout.advance(position)`.
  Position is the event's (or bookmark's) cursor.
- Trunk CATCH_UP: what it sends to one session goes by `receiver.send(frame)`; at CaughtUp: send the
  frame, then `receiver.release(number)` for the subscription's numbers. While any number of a
  receiver is held, all its live events wait.
- Everything else for one session goes by `receiver.send(frame)` too: it keeps order with live
  frames.
- `owner.on_overflow(lost)`: number → the last position that holds for it, or None (nothing has come
  since its join: take the cursor of `subscribed` or `caught_up`). The receiver belongs to none of
  them any more; subscribe again, and pass over what is not after `receiver.passed`. A late `part`
  of a lost number does nothing.
"""

from blackroad.edge.fanout.budget import Budget
from blackroad.edge.fanout.fanout import Fanout
from blackroad.edge.fanout.receiver import Owner, Receiver, Sink
from blackroad.edge.fanout.window import NO_MARKS, Mark, Passed

__all__ = ["NO_MARKS", "Budget", "Fanout", "Mark", "Owner", "Passed", "Receiver", "Sink"]
