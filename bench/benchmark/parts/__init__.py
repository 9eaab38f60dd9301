"""What is measured. A part has `prepare(bench)`, `measure(bench, round)` and `rows(results)`."""
