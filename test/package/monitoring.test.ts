import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { METRIC_GROUPS, type MetricDefinition } from '../../src/server/index.ts';
import { temporaryFolder } from '../support/temporary.ts';

const root = resolve(import.meta.dirname, '../..');
const rulesFile = join(root, 'packaging/prometheus/lmdbstream.rules.yaml');

/** What Prometheus itself adds to every series, and what only exists in an expression. */
const SCRAPE_LABELS = ['instance', 'job'];

const definitions = new Map<string, { labels: readonly string[] }>(
  Object.values(METRIC_GROUPS).flatMap((group) => Object.values(group).flatMap(seriesOf)),
);

/** The series that a metric is scraped as. */
function seriesOf({ name, type, labels }: MetricDefinition): [string, { labels: readonly string[] }][] {
  if (type !== 'histogram') return [[name, { labels }]];
  return [
    [`${name}_bucket`, { labels: [...labels, 'le'] }],
    [`${name}_count`, { labels }],
    [`${name}_sum`, { labels }],
  ];
}

interface Panel {
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[];
}
interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: string | { query: string } }[];
  };
}
interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<string, string>>;
}

const dashboard = JSON.parse(readFileSync(join(root, 'packaging/grafana/lmdbstream.json'), 'utf8')) as Dashboard;
const rules = (parse(readFileSync(rulesFile, 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
);

/** Metrics of an expression that nobody defines, and labels that their metric does not have. */
function faultsOf(expression: string, template: string): string[] {
  const faults: string[] = [];
  const names = [...new Set(expression.match(/\b(?:lmdb|lightningstream|storage|process|nodejs)\w*_\w+\b/g))];
  if (names.length === 0) faults.push('no metric');
  const common = names.map((name) => [...(definitions.get(name)?.labels ?? []), ...SCRAPE_LABELS]);
  for (const [index, name] of names.entries()) {
    if (!definitions.has(name)) faults.push(`metric ${name}`);
    const selectors = [...expression.matchAll(new RegExp(`\\b${name}\\{([^}]*)\\}`, 'g'))].map(([, text]) => text!);
    for (const [, label] of selectors.join(',').matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)) {
      if (!common[index]!.includes(label!)) faults.push(`label ${label} of ${name}`);
    }
  }
  const grouped = [...expression.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, text]) => text!.split(/,\s*/));
  // What `by` leaves is all there is to be shown.
  const shown = /^(?:\w+\([^,]+, )?\w+ by \(([^)]*)\)/.exec(expression)?.[1]?.split(/,\s*/);
  for (const label of grouped) if (!common.some((labels) => labels.includes(label))) faults.push(`grouped by ${label}`);
  for (const [, label] of template.matchAll(/\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}/g)) {
    if (!(shown ?? common.flat()).includes(label!)) faults.push(`{{${label}}}`);
  }
  return faults;
}

describe('faultsOf', () => {
  it('finds what it is there for', () => {
    expect(faultsOf('rate(lmdbstream_nothing_total[5m]) > 0', '')).toEqual(['metric lmdbstream_nothing_total']);
    expect(faultsOf('lmdbstream_lock_wait_seconds > 1', '')).toEqual(['metric lmdbstream_lock_wait_seconds']);
    expect(faultsOf('lmdbstream_phase{db="x"} == 0', '{{ $labels.peer }}')).toEqual([
      'label db of lmdbstream_phase',
      '{{peer}}',
    ]);
    expect(faultsOf('sum by (lmdb, kind) (lmdb_stat_entries)', '{{db}}')).toEqual(['grouped by kind', '{{db}}']);
    expect(faultsOf('vector(1)', '')).toEqual(['no metric']);
  });
});

describe('alert rules', () => {
  it.each(rules.map((rule) => [rule.alert, rule] as const))(
    '%s asks for metrics and labels that there are',
    (_, rule) => {
      expect(faultsOf(rule.expr, Object.values(rule.annotations).join(' '))).toEqual([]);
      expect(['critical', 'warning']).toContain(rule.labels.severity);
      expect(Object.keys(rule.annotations).sort()).toEqual(['description', 'summary']);
    },
  );

  it('are those of docs/metrics.md', () => {
    const table = readFileSync(join(root, 'docs/metrics.md'), 'utf8').match(/## What to alert on[\s\S]*?(?=<!--)/)![0];
    const documented = [...table.matchAll(/^\| `([^`]+)`/gm)].map(([, expression]) => expression!);
    expect(rules.map(({ expr }) => expr)).toEqual(documented);
  });

  const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
  it.skipIf(!hasPromtool)('are accepted by promtool (skipped where it is not installed)', () => {
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', rulesFile], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`${rules.length} rules found`);
  });
});

describe('the dashboard', () => {
  const variables = dashboard.templating.list.map(({ name }) => name);

  it.each(dashboard.panels.map((panel) => [panel.title, panel] as const))('%s asks for what there is', (_, panel) => {
    expect(panel.targets.length).toBeGreaterThan(0);
    for (const { expr, legendFormat } of panel.targets) {
      expect(faultsOf(expr, legendFormat)).toEqual([]);
      const used = [...expr.matchAll(/\$(\w+)/g)].map(([, name]) => name!).filter((name) => !name.startsWith('__'));
      expect(used.filter((name) => !variables.includes(name))).toEqual([]);
    }
  });

  it('offers variables of a metric and a label that there are', () => {
    const queries = dashboard.templating.list.flatMap(({ query }) => (typeof query === 'string' ? [] : [query.query]));
    expect(queries.length).toBe(2);
    for (const query of queries) {
      const [, metric, label] = /^label_values\((\w+), (\w+)\)$/.exec(query)!;
      expect([...definitions.get(metric!)!.labels, ...SCRAPE_LABELS]).toContain(label);
    }
  });

  it('has no panel over another, and none beyond the width of 24', () => {
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(dashboard.panels.filter(({ gridPos: { x, w } }) => x + w > 24)).toEqual([]);
  });

  const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
  it.skipIf(!hasPromtool)('has expressions that Prometheus can parse (skipped where promtool is not installed)', () => {
    const plain = dashboard.panels
      .flatMap(({ targets }) => targets.map(({ expr }) => expr))
      .map((expression) => expression.replaceAll('$__rate_interval', '5m').replaceAll(/\$\w+/g, '.*'));
    const file = join(temporaryFolder(), 'dashboard.rules.yaml');
    const group = { name: 'dashboard', rules: plain.map((expr, index) => ({ record: `panel:${index}`, expr })) };
    writeFileSync(file, JSON.stringify({ groups: [group] }));
    const { status, stderr } = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});
