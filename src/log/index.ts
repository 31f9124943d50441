export { createLog, descriptorStream, type LogOptions, type LogStream, type LogStyle } from './create-log.ts';
export type { TimestampStyle } from './format.ts';
export type { Log, LogFields } from './log.ts';
export { silentLog } from './log.ts';
