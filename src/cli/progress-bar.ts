import type { OnProgress, Progress } from '../inspect/index.ts';
import { formatSize } from './size-text.ts';

export interface ProgressDisplay {
  readonly show: OnProgress;
  /** Nothing of a bar is left on the terminal afterwards; may be shown again. */
  stop(): void;
}

/** What of a terminal a bar needs. */
export interface BarStream {
  write(text: string): unknown;
  readonly columns?: number;
}

/**
 * A bar that stands in the line of the cursor and leaves it at the begin of that line: what others write there (the log, also from
 * other threads) takes its place, and the bar goes on below.
 */
export async function openBar(stream: BarStream): Promise<ProgressDisplay> {
  const { default: cliProgress } = await import('cli-progress');
  const bar = new cliProgress.SingleBar({
    // Not an option that is typed: without it cli-progress goes back to where the bar began, over lines that came since.
    ...{ terminal: terminalOf(stream) },
    clearOnComplete: true,
    // A line of the log may have taken its place.
    forceRedraw: true,
    format: (_options, { progress }, { text }) => `${barOf(progress, text.total)} ${text.line}`.trimStart(),
  });
  const text = { line: '', total: false };
  let isStarted = false;
  return {
    show: (progress) => {
      text.line = lineOf(progress);
      text.total = progress.total !== undefined;
      const total = Math.max(progress.total ?? progress.done, 1);
      const done = Math.min(progress.done, total);
      if (isStarted) {
        bar.setTotal(total);
        bar.update(done, { text });
      } else bar.start(total, done, { text });
      isStarted = true;
    },
    stop: () => {
      if (isStarted) bar.stop();
      isStarted = false;
    },
  };
}

const ERASE_LINE = '\u001b[K';
const USUAL_COLUMNS = 80;

/** As cli-progress's own, for one line. */
function terminalOf(stream: BarStream) {
  const width = (): number => stream.columns || USUAL_COLUMNS;
  const nothing = (): void => {};
  return {
    // One column less: in the last one some terminals wrap.
    write: (text: string) => void stream.write(`${text.slice(0, width() - 1)}${ERASE_LINE}\r`),
    clearLine: () => void stream.write(ERASE_LINE),
    isTTY: () => true,
    getWidth: width,
    clearRight: nothing,
    cursor: nothing,
    cursorSave: nothing,
    cursorRestore: nothing,
    cursorTo: nothing,
    lineWrapping: nothing,
    newline: nothing,
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
  // What is cut off on a narrow terminal is the name.
  return `${show(done)}${end}${unit === 'bytes' ? '' : ` ${unit}`}, ${what}`;
}
