export interface Exposed {
  readonly type: string;
  /** Sorted sets of labels, `le` left out. */
  readonly labels: Set<string>;
}

/** Names, types and label names in the text format of Prometheus. */
export function parseExposition(text: string): Map<string, Exposed> {
  const metrics = new Map<string, Exposed>();
  let name = '';
  for (const line of text.split('\n')) {
    const type = /^# TYPE (\S+) (\S+)$/.exec(line);
    if (type) {
      name = type[1]!;
      metrics.set(name, { type: type[2]!, labels: new Set() });
    }
    const sample = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line);
    if (!sample || line.startsWith('#')) continue;
    if (!sample[1]!.startsWith(name)) throw new Error(`${sample[1]} stands below ${name}`);
    const labels = [...(sample[2] ?? '').matchAll(/(\w+)="/g)].map((match) => match[1]!);
    metrics.get(name)!.labels.add(
      labels
        .filter((label) => label !== 'le')
        .sort()
        .join(','),
    );
  }
  return metrics;
}

/** The value of one sample, as `name{label="value"}`; undefined: there is none. */
export function sampleOf(text: string, sample: string): number | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`${sample} `));
  return line === undefined ? undefined : Number(line.slice(sample.length + 1));
}
