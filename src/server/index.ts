export { ListenError } from './errors.ts';
export { METRIC_GROUPS, type MetricDefinition, metricsAsMarkdown } from './metrics/index.ts';
export type { DbiStats, LmdbStats, OperatorEvent, ServerEvent, StatusSource } from './model.ts';
export { type RunningServer, type ServerOptions, startServer } from './server.ts';
export { type ApiStatus, apiStatusJsonSchema, apiStatusSchema } from './state/index.ts';
