/** The middle of some figures; of an even number of them the lower one of the two, so that it is one that was measured. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new TypeError('the median of nothing');
  return [...values].sort((a, b) => a - b)[(values.length - 1) >> 1]!;
}


/** A duration as a person reads it. */
export function ms(value: number): string {
  if (value < 1) return `${(value * 1000).toFixed(0)} µs`;
  if (value < 100) return `${value.toFixed(value < 10 ? 2 : 1)} ms`;
  return value < 1000 ? `${value.toFixed(0)} ms` : `${(value / 1000).toFixed(2)} s`;
}

export function records(count: number): string {
  if (count >= 1e6) return `${count / 1e6} M`;
  return count >= 1e3 ? `${count / 1e3} k` : String(count);
}
