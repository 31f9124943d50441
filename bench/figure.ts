/** One promise, and what came of it. */
export interface Figure {
  readonly name: string;
  readonly target: string;
  readonly measured: string;
  readonly isMet: boolean;
  /** How it is measured. */
  readonly how: string;
}

interface Ratio {
  name: string;
  limit: number;
  of: string;
  value: number;
  detail: string;
  how: string;
}

export function ratio({ name, limit, of, value, detail, how }: Ratio): Figure {
  return {
    name,
    target: `≤ ${limit} × ${of}`,
    measured: `${value.toFixed(value < 10 ? 2 : 1)} × (${detail})`,
    isMet: value <= limit,
    how,
  };
}
