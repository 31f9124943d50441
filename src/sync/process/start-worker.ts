import module from 'node:module';
import { dirname } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import type { WorkerInput } from './thread.ts';
import type { WorkerBoot } from './worker.ts';

/**
 * So large an old generation is not collected yet. V8 begins with less and grows by little, so that a fill, a join and then every
 * few changes went through a heap of 9 MB that had next to no garbage.
 */
const INITIAL_OLD_GENERATION_MB = 32;

/** Our loops allocate next to nothing: a large nursery would only be memory that nobody uses. */
const WORKER_LIMITS = { maxYoungGenerationSizeMb: 6 };

let prepared: Worker | undefined;

/**
 * Starts a thread that loads its modules while the caller still reads its configuration; the next sync uses it. It keeps no
 * process alive. Again is no error. Only for a process that is ours: a flag of V8 counts for all of its threads.
 */
export function prepareWorker(): void {
  if (prepared) return;
  setFlagsFromString(`--initial-old-space-size=${INITIAL_OLD_GENERATION_MB}`);
  prepared = newWorker();
  prepared.unref();
}

/** A thread that works on this input. */
export function startWorker(input: WorkerInput): Worker {
  const worker = prepared ?? newWorker();
  prepared = undefined;
  worker.ref();
  worker.postMessage(input);
  return worker;
}

function newWorker(): Worker {
  const { getCompileCacheDir } = module as { getCompileCacheDir?: () => string | undefined };
  // Node's answer is the folder of its own version in the one that was asked for.
  const folder = getCompileCacheDir?.();
  const boot: WorkerBoot = { compileCacheFolder: folder && dirname(folder) };
  return new Worker(new URL('./worker.js', import.meta.url), { workerData: boot, resourceLimits: WORKER_LIMITS });
}
