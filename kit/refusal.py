"""How a service refuses a stream of requests that is still being sent.

The status of a call that ends while a message is under way can be lost: the sender's library then tells of the message
that failed instead. So the service says in its headers that it refuses, the sender stops, and the status follows.
"""

from __future__ import annotations

REFUSED = "refused"  # the key in the headers; they lack it when more is wanted
