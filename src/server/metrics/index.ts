/** Prometheus metrics: a table of definitions, and the events that fill them. */
export { METRIC_GROUPS, type MetricDefinition } from './definitions.ts';
export { metricsAsMarkdown } from './markdown.ts';
export { Metrics, type MetricsOptions } from './metrics.ts';
