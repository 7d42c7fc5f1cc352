"""Four decorated functions and what a call of them costs; read by peers' scripts in environments of their own."""

import json
import statistics
import time

TURN, TURNS, WARM = 5, 200, 20


def decorated(decorator):
    """An inference with its three stages, each under ``decorator(name=...)``."""

    @decorator(name="preprocessing")
    def preprocessing(x):
        return x

    @decorator(name="predict")
    def predict(x):
        return x

    @decorator(name="postprocessing")
    def postprocessing(x):
        return x

    @decorator(name="inference")
    def inference(x):
        return postprocessing(predict(preprocessing(x)))

    return inference


def print_cpu(request):
    """JSON with microseconds of one call: median in this thread, mean of the process."""
    found = []
    for turn in range(WARM + TURNS):
        start = time.thread_time_ns()
        for _ in range(TURN):
            request(1)
        if turn >= WARM:
            found.append((time.thread_time_ns() - start) / TURN / 1e3)
    begun = time.process_time_ns()
    for _ in range(TURN * TURNS):
        request(1)
    whole = (time.process_time_ns() - begun) / (TURN * TURNS) / 1e3
    print(json.dumps({"thread": statistics.median(found), "process": whole}))
