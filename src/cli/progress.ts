import type { OnProgress } from '../inspect/index.ts';
import { openBar, type ProgressDisplay } from './progress-bar.ts';
import type { Session } from './session.ts';

/** Between two lines of the log. */
const LOG_EVERY_MS = 5000;

/** How far a command is: a bar on a terminal, else a line of the log every few seconds. */
export async function openProgress({ log, logStyle, io }: Session): Promise<ProgressDisplay> {
  if (logStyle.isTty && logStyle.format === 'human') return openBar(process.stderr);
  let lastMs = io.now();
  const show: OnProgress = (progress) => {
    if (io.now() - lastMs < LOG_EVERY_MS) return;
    lastMs = io.now();
    log.info(progress.what, { done: progress.done, total: progress.total, unit: progress.unit });
  };
  return { show, stop() {} };
}
