import { Hono } from 'hono';
import { describeError } from '../../errors/index.ts';
import type { Log } from '../../log/index.ts';
import type { HealthAnswer } from '../health/index.ts';
import type { Metrics } from '../metrics/index.ts';
import { renderPage } from '../page/index.ts';
import type { ApiStatus } from '../state/index.ts';
import type { Asset } from './assets.ts';
import { type ChangeFeed, eventsRoute } from './events-route.ts';
import { hintRoute, type TakeHint } from './hint-route.ts';
import { securityHeaders } from './security.ts';
import type { StorageListing } from './storage-listing.ts';

/** What the routes answer with. None of it waits for LMDB. */
export interface Answers {
  readonly metrics: Metrics;
  readonly health: () => HealthAnswer;
  readonly status: () => ApiStatus;
  readonly listing: StorageListing;
  readonly assets: ReadonlyMap<string, Asset>;
  readonly takeHint: TakeHint;
  readonly changes: ChangeFeed;
  readonly log: Log;
}

const READING = ['GET', 'HEAD'];

/** The routes. All of them read, but the one for hints. */
export function createApp(answers: Answers): Hono {
  const app = new Hono();
  app.use(securityHeaders);
  app.route('/api/hint', hintRoute(answers.takeHint));
  app.use(async (context, next) => {
    if (READING.includes(context.req.method)) return next();
    return context.text('405 method not allowed\n', 405, { Allow: READING.join(', ') });
  });
  app.get('/', (context) => context.html(renderPage(answers.status())));
  app.get('/healthz', (context) => {
    const health = answers.health();
    return context.json(health, health.ok ? 200 : 503);
  });
  app.get('/livez', (context) => context.text('ok\n'));
  app.get('/metrics', async (context) => {
    const text = await answers.metrics.text();
    return context.body(text, 200, { 'Content-Type': answers.metrics.contentType });
  });
  app.get('/storage', async (context) => {
    const { status, text } = await answers.listing.answer();
    return context.text(text, status);
  });
  app.route('/api/events', eventsRoute(answers.changes));
  app.get('/api/status', (context) => context.json(answers.status()));
  app.get('/assets/:name', (context) => {
    const asset = answers.assets.get(context.req.param('name'));
    if (asset === undefined) return context.notFound();
    const headers = { 'Content-Type': asset.contentType, ETag: asset.etag, 'Cache-Control': 'no-cache' };
    if (context.req.header('If-None-Match') === asset.etag) return context.body(null, 304, headers);
    return context.body(asset.bytes, 200, headers);
  });
  app.notFound((context) => context.text('404 page not found\n', 404));
  app.onError((error, context) => {
    answers.log.error('An HTTP request failed', { path: context.req.path, error: describeError(error) });
    return context.text('500 internal server error\n', 500);
  });
  return app;
}
