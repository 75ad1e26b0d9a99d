// Order statistics, by the same definitions as the program's: nearest rank on exact values, sums with carried rounding.

/** The value at rank ⌈p/100 · n⌉ of ascending values; null without values. */
function percentile(sorted, p) {
  if (sorted.length === 0) return null;
  const rank = Math.ceil((p * sorted.length) / 100);
  return sorted[Math.min(Math.max(rank - 1, 0), sorted.length - 1)];
}

/** Neumaier's sum. */
function sum(values, of = (v) => v) {
  let total = 0;
  let lost = 0;
  for (let i = 0; i < values.length; i++) {
    const value = of(values[i]);
    const next = total + value;
    lost += Math.abs(total) >= Math.abs(value) ? total - next + value : value - next + total;
    total = next;
  }
  return total + lost;
}

/** The figures of ascending values, under the names that JSON has. */
function stats(sorted) {
  const n = sorted.length;
  const mean = n ? sum(sorted) / n : null;
  const p = (at) => percentile(sorted, at);
  return {
    n,
    min: n ? sorted[0] : null,
    mean,
    // Computed when it is asked for: of three million values it takes longer than all others.
    get sd() {
      return n > 1 ? Math.sqrt(sum(sorted, (v) => (v - mean) * (v - mean)) / (n - 1)) : null;
    },
    p50: p(50),
    p90: p(90),
    p95: p(95),
    p99: p(99),
    p999: p(99.9),
    max: n ? sorted[n - 1] : null,
  };
}

/** How many of ascending values are not larger. */
function notLarger(sorted, value) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
