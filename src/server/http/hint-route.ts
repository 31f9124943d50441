import { getConnInfo } from '@hono/node-server/conninfo';
import { Hono } from 'hono';
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
  app.post('/', async (context) => {
    const type = context.req.header('Content-Type')?.split(';')[0]?.trim().toLowerCase();
    if (type !== 'application/json') return context.text('415 a hint is application/json\n', 415);

    const text = await textOf(context.req.raw);
    if (text === undefined) return context.text('413 too large\n', 413);
    switch (take(parsed(text), getConnInfo(context).remote.address ?? '')) {
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

/** Its body, whatever its headers say of the length; undefined: too large. One that breaks off is no JSON. */
async function textOf({ headers, body }: Request): Promise<string | undefined> {
  if (Number(headers.get('content-length') ?? 0) > MAX_BODY_BYTES) return undefined;
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  try {
    for await (const part of body ?? []) {
      sizeBytes += part.byteLength;
      if (sizeBytes > MAX_BODY_BYTES) return undefined;
      parts.push(part);
    }
  } catch {
    return '';
  }
  return Buffer.concat(parts).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
