import type { OnProgress, Progress } from '../inspect/index.ts';
import type { Session } from './session.ts';
import { formatSize } from './size-text.ts';

/** Between two lines of the log. */
const LOG_EVERY_MS = 5000;

export interface ProgressDisplay {
  readonly show: OnProgress;
  /** Nothing of a bar is left on the terminal afterwards. */
  stop(): void;
}

/** How far a command is: a bar on a terminal, else a line of the log every few seconds. */
export async function openProgress({ log, logStyle, io }: Session): Promise<ProgressDisplay> {
  if (logStyle.isTty && logStyle.format === 'human') return openBar();
  let lastMs = io.now();
  return {
    show: (progress) => {
      if (io.now() - lastMs < LOG_EVERY_MS) return;
      lastMs = io.now();
      log.info(progress.what, { done: progress.done, total: progress.total, unit: progress.unit });
    },
    stop() {},
  };
}

async function openBar(): Promise<ProgressDisplay> {
  const { default: cliProgress } = await import('cli-progress');
  const bar = new cliProgress.SingleBar({
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    format: (_options, { progress }, { text }) => `${barOf(progress, text.total)} ${text.line}`,
  });
  const text = { line: '', total: false };
  let isStarted = false;
  return {
    show: (progress) => {
      text.line = lineOf(progress);
      text.total = progress.total !== undefined;
      const total = Math.max(progress.total ?? progress.done, 1);
      if (isStarted) {
        bar.setTotal(total);
        bar.update(Math.min(progress.done, total), { text });
      } else bar.start(total, progress.done, { text });
      isStarted = true;
    },
    stop: () => bar.stop(),
  };
}

const BAR_WIDTH = 24;

/** No bar where nobody knows the end. */
function barOf(fraction: number, hasTotal: boolean): string {
  if (!hasTotal) return '';
  const full = Math.round(Math.min(Math.max(fraction, 0), 1) * BAR_WIDTH);
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_WIDTH - full)}]`;
}

function lineOf({ what, done, total, unit }: Progress): string {
  const show = (count: number): string => (unit === 'bytes' ? formatSize(count) : `${count.toLocaleString('en-US')}`);
  const end = total === undefined ? '' : ` of ${show(total)}`;
  return `${what}: ${show(done)}${end}${unit === 'bytes' ? '' : ` ${unit}`}`;
}
