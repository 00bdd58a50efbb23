"""`vllm serve` that ends with its owner: the process that asks it may be killed at any moment."""

from recipe.mmzero.run.processes import tree


def main() -> None:
    tree.end_with_owner()
    from vllm.entrypoints.cli.main import main as vllm

    vllm()


if __name__ == "__main__":
    main()
