/** Threads: what starts the databases, and what they tell of themselves. */
export { type RunningSync, type RunOptions, runSync, type StartOptions, startSync } from './run.ts';
export { prepareWorker } from './start-worker.ts';
