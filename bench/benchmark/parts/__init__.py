"""The measurements. Each part has `prepare(bench)`, `measure(bench, round)` and `rows(results)`."""
