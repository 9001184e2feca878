"""How long each lesson takes to run from top to bottom on this machine.

python -m benchmarks.lessons            print the times
python -m benchmarks.lessons --write    and store the outputs in the notebooks
"""

import argparse
import os

import nbformat

from mmlearn.lessons.execute import execute, lessons, noise


def main() -> None:
    parser = argparse.ArgumentParser(description="Execute lessons and print how long each took.")
    parser.add_argument("--write", action="store_true", help="store the outputs in the notebooks")
    parser.add_argument("lesson", nargs="*", help="only those whose name holds one of these, e.g. 04")
    arguments = parser.parse_args()
    total = 0.0
    print(f"{'lesson':<32}{'seconds':>8}   ({os.cpu_count()} cores)")
    for lesson in lessons():
        if arguments.lesson and not any(part in lesson.name for part in arguments.lesson):
            continue
        notebook, seconds = execute(lesson)
        total += seconds
        print(f"{lesson.name:<32}{seconds:>8.1f}" + ("   has output on stderr" if noise(notebook) else ""), flush=True)
        if arguments.write:
            nbformat.write(notebook, lesson)
    print(f"{'all':<32}{total:>8.1f}")


if __name__ == "__main__":
    main()
