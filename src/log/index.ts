export type { Log, LogFields } from './log.ts';
export { silentLog } from './log.ts';
