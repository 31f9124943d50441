/** The middle of some figures; of an even number of them the lower of the two, so that it is one that was measured. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new TypeError('the median of nothing');
  return [...values].sort((a, b) => a - b)[(values.length - 1) >> 1]!;
}

/** A duration as a person reads it. */
export function durationText(ms: number): string {
  if (ms < 1) return `${(ms * 1000).toFixed(0)} µs`;
  if (ms < 100) return `${ms.toFixed(ms < 10 ? 2 : 1)} ms`;
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

export function countText(records: number): string {
  if (records >= 1e6) return `${records / 1e6} M`;
  return records >= 1e3 ? `${records / 1e3} k` : String(records);
}

export function sizeText(kb: number): string {
  return `${Math.round(kb / 1024)} MB`;
}
