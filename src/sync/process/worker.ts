import module from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import type { WorkerInput, WorkerOrder } from './thread.ts';

/** What a thread is started with: it loads what it needs before it knows what it is for. */
export interface WorkerBoot {
  /** Where the main thread keeps compiled code; a thread does not inherit that. */
  readonly compileCacheFolder: string | undefined;
}

const port = parentPort;
if (port) {
  const { compileCacheFolder } = workerData as WorkerBoot;
  const { enableCompileCache } = module as { enableCompileCache?: (folder: string) => unknown };
  if (compileCacheFolder !== undefined) enableCompileCache?.(compileCacheFolder);
  const stop = new AbortController();
  let listNow = (_database: string): void => {};
  // The first message is what to do; what comes before that is begun may get lost: a hint is no more than a hint.
  const input = new Promise<WorkerInput>((resolve) => {
    port.once('message', (message: WorkerInput) => {
      port.on('message', (message: WorkerOrder) => {
        if (message === 'stop') stop.abort();
        else listNow(message.listNow);
      });
      resolve(message);
    });
  });
  // Compiled after the line above it, so that it is found in the cache.
  const { runDatabases } = await import('./thread.ts');
  await runDatabases(
    await input,
    stop.signal,
    (message) => port.postMessage(message),
    (list) => {
      listNow = list;
    },
  );
  port.close();
}
