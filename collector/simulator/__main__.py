"""`python -m collector.simulator` is `collector simulate` without the collector."""

from collector.simulator.command import simulate

if __name__ == "__main__":
    simulate()
