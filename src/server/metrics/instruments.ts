import { Counter, Gauge, Histogram, type Registry, Summary } from 'prom-client';
import type { MetricDefinition } from './definitions.ts';

type LabelsOf<D extends MetricDefinition> = D['labels'][number];

/** The instrument of prom-client that a definition asks for, with its labels in the type. */
export type Instrument<D extends MetricDefinition> = D['type'] extends 'counter'
  ? Counter<LabelsOf<D>>
  : D['type'] extends 'gauge'
    ? Gauge<LabelsOf<D>>
    : D['type'] extends 'histogram'
      ? Histogram<LabelsOf<D>>
      : Summary<LabelsOf<D>>;

export type Instruments<G extends Readonly<Record<string, MetricDefinition>>> = {
  readonly [K in keyof G]: Instrument<G[K]>;
};

/** Registers every metric of a group, in a registry of our own: a library that uses the global one cannot disturb it. */
export function createInstruments<G extends Readonly<Record<string, MetricDefinition>>>(
  group: G,
  registry: Registry,
): Instruments<G> {
  const entries = Object.entries(group).map(([key, definition]) => [key, createInstrument(definition, registry)]);
  return Object.fromEntries(entries) as Instruments<G>;
}

function createInstrument(definition: MetricDefinition, registry: Registry) {
  const { name, help, labels, type } = definition;
  const options = { name, help, labelNames: [...labels], registers: [registry] };
  switch (type) {
    case 'counter':
      return new Counter(options);
    case 'gauge':
      return new Gauge(options);
    case 'histogram':
      return new Histogram({ ...options, buckets: [...(definition.buckets ?? [])] });
    case 'summary':
      // Sum and count only, as the reference: a quantile of one machine says nothing about a fleet.
      return new Summary({ ...options, percentiles: [] });
  }
}
