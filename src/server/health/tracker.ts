import { formatGoDuration, type HealthTimes } from '../../config/index.ts';

/** How something that is tried again and again is doing. Pure data: nothing runs, nobody registers (the reference deadlocks there, W10). */
export interface FailingSince {
  /** ms since 1970 UTC of the first failure in a row. */
  readonly sinceMs: number;
  readonly lastError: string;
}

export type Verdict = { readonly level: 'ok' } | { readonly level: 'warning' | 'failure'; readonly text: string };

const OK: Verdict = { level: 'ok' };

/** The state after a failure; any success makes it `undefined`. */
export function failed(before: FailingSince | undefined, atMs: number, lastError: string): FailingSince {
  return { sinceMs: before?.sinceMs ?? atMs, lastError };
}

/** @param activity as in "failed to ACTIVITY for 1m0s" */
export function judgeFailing(
  state: FailingSince | undefined,
  activity: string,
  times: HealthTimes,
  nowMs: number,
): Verdict {
  if (state === undefined) return OK;
  const durationMs = nowMs - state.sinceMs;
  return verdict(
    durationMs,
    times,
    `failed to ${activity} for ${seconds(durationMs)} - last error: '${state.lastError}'`,
  );
}

/** @param sinceMs when the start began; undefined: it has succeeded */
export function judgeStart(sinceMs: number | undefined, times: HealthTimes, nowMs: number): Verdict {
  if (sinceMs === undefined) return OK;
  const durationMs = nowMs - sinceMs;
  return verdict(durationMs, times, `successful startup pending after ${seconds(durationMs)}`);
}

function verdict(durationMs: number, { warnDurationMs, errorDurationMs }: HealthTimes, text: string): Verdict {
  if (durationMs >= errorDurationMs) return { level: 'failure', text };
  if (durationMs >= warnDurationMs) return { level: 'warning', text };
  return OK;
}

/** Whole seconds; a clock that was set back counts as no time. */
function seconds(durationMs: number): string {
  return formatGoDuration(Math.max(0, Math.floor(durationMs / 1000) * 1000));
}
