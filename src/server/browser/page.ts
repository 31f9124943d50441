import './page.css';
import { renderStatus } from '../page/render.ts';
import type { ApiStatus } from '../state/status-schema.ts';
import { morph } from './morph.ts';
import { Plots } from './plots.ts';

/** Polls `/api/status` and renders the page again; slower while nobody answers, and at once when the tab comes back. */

const POLL_MS = 2000;
const MAX_WAIT_MS = 30_000;
const TIMEOUT_MS = 10_000;

const page = document.querySelector<HTMLElement>('#page')!;
const connection = document.querySelector<HTMLElement>('#connection')!;
const plots = new Plots();
let failures = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

async function poll(): Promise<void> {
  clearTimeout(timer);
  try {
    const answer = await fetch('api/status', { signal: AbortSignal.timeout(TIMEOUT_MS), cache: 'no-store' });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    show((await answer.json()) as ApiStatus);
    failures = 0;
    connection.hidden = true;
  } catch {
    failures++;
    connection.textContent = 'No answer from lmdbstream. These are the last figures; trying again.';
    connection.hidden = false;
  }
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(poll, Math.min(MAX_WAIT_MS, POLL_MS * 2 ** Math.min(failures, 5)));
}

function show(status: ApiStatus): void {
  const next = document.createElement('div');
  next.innerHTML = renderStatus(status).text;
  morph(page, next);
  plots.update(page, status);
  document.title = `${status.instance} · lmdbstream`;
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) void poll();
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => plots.recolour());
void poll();
