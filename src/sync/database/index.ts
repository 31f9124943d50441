/** The loop of one database: what it decides (`step`), and what does it (`DatabaseSync`). */
export type { Codec, DatabaseChanges, DatabaseOptions, DatabasePorts, OpenContext } from './ports.ts';
export { DatabaseSync } from './runner.ts';
export { systemPorts } from './system-ports.ts';
