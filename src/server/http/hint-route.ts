import { getConnInfo } from '@hono/node-server/conninfo';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { HintAnswer } from '../hint/index.ts';

/** An object name has at most 1024 bytes, and JSON may escape each of them. */
const MAX_BODY_BYTES = 8192;

/** @param body parsed JSON, whatever it is */
export type TakeHint = (body: unknown, sender: string) => HintAnswer['type'];

/**
 * `POST /api/hint` of another instance. Its answers are fixed texts: nothing of a request comes back. A page in a browser
 * cannot send one elsewhere: JSON needs a preflight, which is answered with 405.
 */
export function hintRoute(take: TakeHint): Hono {
  const app = new Hono();
  const tooLarge = (context: Context): Response => context.text('413 too large\n', 413);
  app.post('/', bodyLimit({ maxSize: MAX_BODY_BYTES, onError: tooLarge }), async (context) => {
    const type = context.req.header('Content-Type')?.split(';')[0]?.trim().toLowerCase();
    if (type !== 'application/json') return context.text('415 a hint is application/json\n', 415);
    const body: unknown = await context.req.json().catch(() => undefined);
    switch (take(body, getConnInfo(context).remote.address ?? '')) {
      case 'list':
      case 'own':
        return context.body(null, 204);
      case 'bad':
        return context.text('400 not a hint: {"object": "NAME"} is expected\n', 400);
      case 'unknownDatabase':
        return context.text('422 no such database here\n', 422);
      case 'tooMany':
        return context.text('429 too many hints\n', 429, { 'Retry-After': '1' });
    }
  });
  app.all('/', (context) => context.text('405 method not allowed\n', 405, { Allow: 'POST' }));
  return app;
}
