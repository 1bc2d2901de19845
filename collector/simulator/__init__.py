"""Simulated venues over HTTP: a program of its own that shares no code with the collector."""

from collector.simulator.options import SimulatorOptions
from collector.simulator.server import Simulator

__all__ = ["Simulator", "SimulatorOptions"]
