import { type Context, Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { messageOf } from '../../events/index.ts';
import { type ChangeEvent, PendingChanges } from '../../sync/index.ts';

/** Whoever reads takes memory for what waits. */
const MOST_READERS = 100;
/** A proxy cuts a connection that is silent for a minute. */
const QUIET_MS = 15_000;

export interface ChangeFeed {
  /** @returns what ends it */
  subscribe(listener: (event: ChangeEvent) => void): () => void;
  /** Over this, what waits for a slow reader names no keys. */
  readonly maxKeys: number;
}

/** `GET /api/events`: what changes, from now on, as server-sent events. A reader that is slow holds up nobody. */
export function eventsRoute(feed: ChangeFeed): Hono {
  const app = new Hono();
  let readers = 0;
  app.get('/', (context) => {
    if (context.req.method === 'HEAD') return context.body(null, 200, { 'Content-Type': 'text/event-stream' });
    if (readers >= MOST_READERS) return context.text('503 too many readers\n', 503, { 'Retry-After': '10' });
    readers++;
    return stream(context, feed, () => readers--);
  });
  return app;
}

function stream(context: Context, { subscribe, maxKeys }: ChangeFeed, onEnd: () => void): Response {
  const pending = new PendingChanges(maxKeys);
  let wake = (): void => {};
  const unsubscribe = subscribe((event) => {
    pending.add(event);
    wake();
  });
  return streamSSE(context, async (to) => {
    to.onAbort(() => wake());
    try {
      // At once, so that the reader knows that it is told from here on.
      await to.write(': connected\n\n');
      while (!to.aborted) {
        for (const event of pending.take()) {
          const id = `${event.db}/${event.txnId}`;
          await to.writeSSE({ event: 'change', id, data: JSON.stringify(messageOf(event)) });
        }
        if (!pending.isEmpty || to.aborted) continue;
        const isQuiet = await new Promise<boolean>((resolve) => {
          const timer = setTimeout(() => resolve(true), QUIET_MS);
          wake = () => {
            clearTimeout(timer);
            resolve(false);
          };
        });
        if (isQuiet) await to.write(': quiet\n\n');
      }
    } finally {
      unsubscribe();
      onEnd();
    }
  });
}
