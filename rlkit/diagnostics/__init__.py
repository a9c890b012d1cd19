"""From arrays, tables and results to numbers, verdicts and figures."""
