"""Several worker processes behind one port.

A call lives in one worker. A parent (`supervisor`) shares the port out and replaces workers that
die; what comes in at the wrong worker finds its call: requests are relayed (`relay`), media sockets
change hands as file descriptors (`handover`), and `Siblings.ask` lets any worker answer for all.
"""
