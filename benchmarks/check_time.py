"""How long a learner waits for `mmlearn check` of each topic: the whole command, as typed in a shell.

python -m benchmarks.check_time
"""

import os
import statistics
import subprocess
import sys
import time

from mmlearn.course import paths
from mmlearn.course.registry import course

RUNS = 5


def main() -> None:
    print(f"All exercises answered, {RUNS} runs each, {os.cpu_count()} cores")
    print(f"{'mmlearn check':<24}{'median s':>9}{'slowest s':>11}")
    for topic in course().topics:
        command = [sys.executable, "-m", "mmlearn.cli", "check", topic.id, "--file", str(paths.solution_file(topic.id))]
        seconds = []
        for _ in range(RUNS):
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds.append(time.perf_counter() - start)
        print(f"{topic.id:<24}{statistics.median(seconds):>9.2f}{max(seconds):>11.2f}", flush=True)


if __name__ == "__main__":
    main()
