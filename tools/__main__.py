"""The maintainers' command. `python -m tools COMMAND --help` explains each; the Makefile calls them."""

import argparse
import sys

SCALES = ("quick", "cpu", "gpu", "paper")  # those of utils.device, which needs torch: `doctor` and `links` do without


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tools", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    doctor = commands.add_parser("doctor", help="say what is wrong with this machine or its set-up, and what to do")
    doctor.add_argument("--venv", help="the environment that make uses; this Python's packages, unless it is given")

    new = commands.add_parser("new", help="lay out the folder of a new paper, architectures/<name>/")
    new.add_argument("name", help="of the folder and the model file: a Python identifier in small letters")
    new.add_argument("--paper", default="", help='"Huang et al., Densely Connected Convolutional Networks, CVPR 2017"')
    new.add_argument("--title", default="", help="of the notebook and the class, such as DenseNet")

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

    commands.add_parser("site", help="build the reading site into build/site")
    commands.add_parser("links", help="ask every outside address in the texts and loaders whether it still answers")

    options = parser.parse_args(arguments)
    if options.command == "doctor":
        from tools.doctor import doctor as examine

        return examine(options.venv)
    if options.command == "links":
        from tools.links import links

        return links()
    try:
        from tools import notebooks, repository
    except (ImportError, OSError) as error:  # an OSError where torch's own libraries are missing
        print(
            f"error: {error}\n`make doctor` says which packages are missing or broken, and what to do", file=sys.stderr
        )
        return 1
    try:
        if options.command == "new":
            from tools.new import new as lay_out

            return lay_out(options.name, options.paper, options.title)
        if options.command == "site":
            from tools.site import site

            return site()
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
        from tools import benchmark, weights

        if options.command == "keep":
            return weights.keep(options.scale)
        return benchmark.main(options.rounds, options.steps)
    except (ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
