"""What limits a benchmark: where the processor's time went while ours was measured."""

from bench.runner import Outcome

LEAST_PERCENT = 2
NAMED = 6


def describe_limit(outcome: Outcome, *, cores: int) -> str:
    """Return one sentence; empty where no processor time was measured."""
    cpu = outcome.medians[outcome.benchmark.ours].cpu
    if not cpu:
        return ""
    busiest = sorted(cpu.items(), key=lambda item: -item[1])[:NAMED]
    parts = [f"{name} {used:.0f} %" for name, used in busiest if used >= LEAST_PERCENT]
    idle = max(0.0, 100.0 * cores - sum(cpu.values()))
    return f"{', '.join(parts)}; idle {idle:.0f} of {100 * cores} %"
