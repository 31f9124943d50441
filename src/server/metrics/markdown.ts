import { METRIC_GROUPS, type MetricDefinition } from './definitions.ts';

/** The tables of `docs/metrics.md`: one a group, one row a metric. */
export function metricsAsMarkdown(): string {
  return Object.entries(METRIC_GROUPS)
    .map(([title, group]) => `## ${title}\n\n${tableOf(Object.values(group))}`)
    .join('\n');
}

function tableOf(definitions: readonly MetricDefinition[]): string {
  const rows = definitions.map(({ name, type, labels, help }) => {
    const shown = labels.map((label) => `\`${label}\``).join(', ');
    return `| \`${name}\` | ${type} | ${shown} | ${help} |`;
  });
  return ['| metric | type | labels | meaning |', '|---|---|---|---|', ...rows, ''].join('\n');
}
