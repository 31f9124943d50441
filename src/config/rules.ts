/** What is wrong with a value that is of the right kind. `path` is in the file's spelling. */
export interface Problem {
  readonly path: readonly string[];
  readonly what: string;
  readonly hint?: string | undefined;
}

export function* above(limit: number, value: number, path: readonly string[]): Generator<Problem> {
  if (!(value > limit)) yield { path, what: `must be above ${limit}` };
}

export function* notNegative(value: number, path: readonly string[]): Generator<Problem> {
  if (!(value >= 0)) yield { path, what: 'must not be negative' };
}
