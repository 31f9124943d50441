/**
 * Compares what `entries` of application.mjs told of two LMDBs: the same DBIs of the same kind, and in each the same entries byte by byte.
 * @returns {{ differences: string[], entries: number }}
 */
export function compare(a, b) {
  const differences = [];
  let entries = 0;
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const [left, right] = [a[name], b[name]];
    if (!left || !right) {
      differences.push(`${name} is missing on ${left ? 'B' : 'A'}`);
      continue;
    }
    if (left.flags !== right.flags) differences.push(`${name} has flags ${left.flags} on A, ${right.flags} on B`);
    const [onA, onB] = [new Set(left.pairs), new Set(right.pairs)];
    for (const pair of onA) if (!onB.has(pair)) differences.push(`${name}: only on A: ${pair}`);
    for (const pair of onB) if (!onA.has(pair)) differences.push(`${name}: only on B: ${pair}`);
    entries += onA.size;
  }
  return { differences, entries };
}
