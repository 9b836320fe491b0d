#!/usr/bin/env python3
"""How far two clocks are apart that see each other by a directory only, and so some milliseconds late.

usage: clock.py pong DIRECTORY            says "NUMBER NANOSECONDS" of each file ping.NUMBER that appears there
       clock.py ping DIRECTORY ANSWERS    makes such files, and waits for what pong says in the file ANSWERS; prints the
                                          least and the most that this clock is ahead of that one, in nanoseconds"""
import os
import sys
import time

ROUNDS = 100
PAUSE_S = 0.0002


def pong(directory):
    seen = set()
    while True:
        for name in os.listdir(directory):
            now = time.monotonic_ns()
            if name.startswith("ping.") and name not in seen:
                seen.add(name)
                print(name[5:], now, flush=True)
        time.sleep(PAUSE_S)


def answer(path, number):
    while True:
        with open(path, encoding="ascii") as file:
            for line in file:
                words = line.split()
                if words[:1] == [str(number)] and len(words) == 2 and line.endswith("\n"):
                    return int(words[1])
        time.sleep(PAUSE_S)


def ping(directory, answers):
    least, most = -1 << 63, 1 << 63
    first = sum(name.startswith("ping.") for name in os.listdir(directory))
    for number in range(first, first + ROUNDS):
        before = time.monotonic_ns()
        os.close(os.open(os.path.join(directory, f"ping.{number}"), os.O_CREAT | os.O_WRONLY, 0o644))
        there = answer(answers, number)
        least, most = max(least, before - there), min(most, time.monotonic_ns() - there)
    print(least, most)


{"pong": pong, "ping": ping}[sys.argv[1]](*sys.argv[2:])
