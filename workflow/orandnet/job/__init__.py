"""How a job runs, whatever it computes: its code's fingerprint, GPUs, time, start, progress and reading ahead."""
