export { ListenError } from './errors.ts';
export { METRIC_GROUPS, type MetricDefinition, metricsAsMarkdown } from './metrics/index.ts';
export type { StatusSource } from './model.ts';
export { ProcessSource, type ProcessSourceOptions } from './process-source.ts';
export { type RunningServer, type ServerOptions, startServer } from './server.ts';
export type { ApiStatus } from './state/index.ts';
