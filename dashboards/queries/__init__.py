"""Every query of the boards, as functions over the contract: a panel never names a metric. One module a board.

What is heavy over a whole fleet reads recorded series; a histogram is only read as scraped where one model is chosen.
Replicas of the sidecar report the same state, so its gauges are taken by ``max``, while counters add up.
"""
