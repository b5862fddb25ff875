"""The maintainers' command. `python -m tools COMMAND --help` explains each; the Makefile calls them."""

import argparse
import sys

from tools import notebooks, repository
from utils.device import SCALES


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tools", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    sync = commands.add_parser(
        "sync", help="refresh the cells that repeat a class, and the setup cells, from their source"
    )
    sync.add_argument("--check", action="store_true", help="change nothing; fail where a cell and its source differ")

    for name, text in (
        ("run", "execute a copy under build/, and make HTML of it"),
        ("execute", "execute in place and store clean outputs; results go to results/<scale>.json beside the notebook"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("notebook")
        command.add_argument("--scale", default="quick" if name == "run" else "cpu", choices=SCALES)

    reproduce = commands.add_parser(
        "reproduce", help="execute many notebooks at one scale, each in a process of its own, and sum up the results"
    )
    reproduce.add_argument("notebooks", nargs="*", help="all of them, unless some are named")
    reproduce.add_argument("--scale", choices=SCALES, help="gpu where there is one, else cpu")
    reproduce.add_argument("--jobs", type=int, help="so many at once: 4 on a CUDA GPU, else 1")

    cost = commands.add_parser("cost", help="count what the trainings would cost on a GPU, without training")
    cost.add_argument("notebooks", nargs="*", help="all of them, unless some are named")

    stamp = commands.add_parser(
        "stamp", help="write the collection's address, owner/name, into every file that names it"
    )
    stamp.add_argument("repository")

    commands.add_parser("table", help="fill the READMEs' result tables from results/*.json, and their sample images")
    keep = commands.add_parser("keep", help="keep the small trained models that the notebooks saved, in the repository")
    keep.add_argument("--scale", default="cpu", choices=("cpu", "gpu", "paper"))
    bench = commands.add_parser(
        "bench", help="speed as ratios: data loading, the Transformer, its decoding, the classics"
    )
    bench.add_argument("--rounds", type=int, default=5)
    bench.add_argument("--steps", type=int, default=12)

    options = parser.parse_args(arguments)
    try:
        if options.command == "sync":
            return notebooks.sync(options.check)
        if options.command == "run":
            return notebooks.run(options.notebook, options.scale)
        if options.command == "execute":
            return notebooks.execute(options.notebook, options.scale)
        if options.command == "reproduce":
            from tools.reproduce import reproduce  # needs signals that Windows has not

            return reproduce(options.notebooks, options.scale, options.jobs)
        if options.command == "cost":
            from tools.cost import cost as count_costs  # needs signals that Windows has not

            return count_costs(options.notebooks)
        if options.command == "stamp":
            return repository.stamp(options.repository)
        if options.command == "table":
            return repository.fill_tables()
        from tools import benchmark, weights  # they load torch, which the rest does without

        if options.command == "keep":
            return weights.keep(options.scale)
        return benchmark.main(options.rounds, options.steps)
    except (ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
