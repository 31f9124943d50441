/** @throws Error that shows the first differences */
export function assertSame(what: string, actual: readonly string[], expected: readonly string[]): void {
  const missing = expected.filter((line) => !actual.includes(line)).slice(0, 3);
  const extra = actual.filter((line) => !expected.includes(line)).slice(0, 3);
  if (actual.length === expected.length && missing.length === 0 && extra.length === 0) return;
  const short = (lines: string[]): string => JSON.stringify(lines.map((line) => line.slice(0, 160)));
  throw new Error(`${what}: only in the first ${short(extra)}, only in the second ${short(missing)}`);
}
