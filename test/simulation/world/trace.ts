/** What happened, one line each; the same seed gives the same lines. */
export class Trace {
  readonly lines: string[] = [];
  readonly #keeps: boolean;

  /** @param keeps false: a run that nobody looks at need not say anything */
  constructor(keeps: boolean) {
    this.#keeps = keeps;
  }

  add(nowUs: number, who: string, what: () => string): void {
    if (this.#keeps) this.lines.push(`${(nowUs / 1e6).toFixed(6).padStart(11)} ${who.padEnd(6)} ${what()}`);
  }
}

/** A value of an event, for a line: no path, no pid, nothing of the machine's. */
export function showFields(fields: object): string {
  return JSON.stringify(fields, (key, value: unknown) => {
    if (typeof value === 'bigint') return `${value}`;
    return ['path', 'stats', 'stack', 'db', 'atMs', 'type'].includes(key) ? undefined : value;
  });
}
