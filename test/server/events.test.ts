import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../../src/log/index.ts';
import { startServer } from '../../src/server/index.ts';
import { change, put } from '../events/support.ts';
import { eventually } from '../support/eventually.ts';
import { sampleOf } from '../support/exposition.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { configOf, FakeSource, NOW_MS } from './fake-source.ts';

async function start() {
  const source = new FakeSource();
  const assetsFolder = pathToFileURL(`${temporaryFolder()}/`);
  const config = configOf();
  const server = await startServer({ config, source, version: '1', log: silentLog, now: () => NOW_MS, assetsFolder });
  onTestFinished(() => server.close());
  return { source, server };
}

/** Reads until `isEnough`, and lets go. */
async function read(url: string, isEnough: (text: string) => boolean): Promise<Response & { seen: string }> {
  const leave = new AbortController();
  const response = await fetch(url, { signal: leave.signal });
  const decoder = new TextDecoder();
  let seen = '';
  for await (const chunk of response.body!) {
    seen += decoder.decode(chunk, { stream: true });
    if (isEnough(seen)) break;
  }
  leave.abort();
  return Object.assign(response, { seen });
}

describe('/api/events', () => {
  it('streams what changes from then on, to whoever reads, and lets go who has gone', async () => {
    const { source, server } = await start();
    const url = `${server.url}api/events`;
    source.postChange(change({ d: [put('before')] }));
    const reading = [url, url].map((one) => read(one, (text) => text.includes('after')));
    await eventually(() => source.changeListeners === 2, { what: 'both listen' });
    source.postChange(change({ d: [put('after')] }, { txnId: 8 }));
    for (const response of await Promise.all(reading)) {
      expect(response.headers.get('content-type')).toBe('text/event-stream');
      expect(response.seen).toMatch(
        /^: connected\n\nevent: change\ndata: \{"db":"main",.*"after".*\}\nid: main\/8\n\n$/,
      );
    }
    await eventually(() => source.changeListeners === 0, { what: 'nobody listens' });
  });

  it('a hundred may read, and HEAD takes nobody’s place', async () => {
    const { source, server } = await start();
    const url = `${server.url}api/events`;
    const leave = new AbortController();
    onTestFinished(() => leave.abort());
    expect((await fetch(url, { method: 'HEAD' })).headers.get('content-type')).toBe('text/event-stream');
    await Promise.all(Array.from({ length: 100 }, () => fetch(url, { signal: leave.signal })));
    await eventually(() => source.changeListeners === 100, { what: 'all listen' });
    const refused = await fetch(url);
    expect([refused.status, await refused.text()]).toEqual([503, '503 too many readers\n']);
    expect((await fetch(url, { method: 'POST' })).status).toBe(405);
  });

  it('a stop ends the streams', async () => {
    const { source, server } = await start();
    const ended = read(`${server.url}api/events`, () => false).then(
      () => 'ended',
      () => 'cut',
    );
    await eventually(() => source.changeListeners === 1, { what: 'it listens' });
    await server.close();
    expect(['ended', 'cut']).toContain(await ended);
    await eventually(() => source.changeListeners === 0, { what: 'nobody listens' });
  });
});

describe('metrics of consumers', () => {
  it('count what was told, what failed, and what waits', async () => {
    const { source, server } = await start();
    source.waiting.set('exec', 3);
    const events = [change({}), change({})];
    source.postOutcome({ consumer: 'exec', events, failed: false });
    source.postOutcome({ consumer: 'exec', events, failed: true });
    const text = await (await fetch(`${server.url}metrics`)).text();
    const sample = (name: string) => sampleOf(text, `lmdbstream_events_${name}{consumer="exec"}`);
    expect([sample('told_total'), sample('failed_total'), sample('waiting')]).toEqual([2, 1, 3]);
  });
});
