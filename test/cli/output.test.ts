import { Writable } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { OutputClosed, OutputError } from '../../src/cli/errors.ts';
import { Output } from '../../src/cli/output.ts';
import { run, Workplace } from './harness.ts';

const failing = (code: string): Writable =>
  new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error(`write ${code}`), { code })) });

describe('Output', () => {
  it('hands everything over, in order, in large pieces', async () => {
    const pieces: string[] = [];
    const out = new Output(
      new Writable({
        write(chunk: Buffer, _encoding, done) {
          pieces.push(chunk.toString());
          done();
        },
      }),
    );
    const lines = Array.from({ length: 20_000 }, (_, at) => `line ${at}\n`);
    for (const line of lines) out.write(line);
    await out.flush();
    expect(pieces.join('')).toBe(lines.join(''));
    expect(pieces.length).toBeLessThan(5);
  });

  it('waits for a slow reader', async () => {
    let release = (): void => {};
    const out = new Output(
      new Writable({
        write(_chunk, _encoding, done) {
          release = done;
        },
      }),
    );
    out.write('x'.repeat(100_000));
    expect(out.isFull).toBe(true);
    let isDrained = false;
    const drained = out.drained().then(() => {
      isDrained = true;
    });
    await Promise.resolve();
    expect(isDrained).toBe(false);
    release();
    await drained;
    expect(out.isFull).toBe(false);
  });

  it('tells a reader that went away from a full disk', async () => {
    for (const [code, kind] of [
      ['EPIPE', OutputClosed],
      ['ENOSPC', OutputError],
    ] as const) {
      const out = new Output(failing(code));
      out.write('x');
      await expect(out.flush()).rejects.toBeInstanceOf(kind);
      expect(() => out.write('y')).toThrow(kind);
    }
  });
});

describe('a command whose output fails', () => {
  it('ends well when the reader has gone', async () => {
    expect(await run(['version'], { stdout: failing('EPIPE') })).toMatchObject({ code: 0, stderr: '' });
  });

  it('lets --timeout end a long dump into a file', async () => {
    const place = new Workplace();
    try {
      place.fill('main', (transaction) => {
        const dbi = transaction.openOrCreateDbi('data', 0);
        for (let at = 0; at < 5000; at++) transaction.put(dbi, Buffer.from(`key ${at}`), Buffer.alloc(100, 'v'));
      });
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      let pieces = 0;
      const stdout = new Writable({
        write(_chunk, _encoding, done) {
          if (++pieces === 2) vi.advanceTimersByTime(1000);
          done();
        },
      });
      const outcome = await place.run(['dump', '--timeout', '1s'], { stdout });
      expect(outcome).toMatchObject({ code: 75, exits: [] });
      expect(pieces).toBeLessThan(5);
    } finally {
      vi.useRealTimers();
      place.remove();
    }
  });

  it('ends a long dump early when the reader has gone', async () => {
    const place = new Workplace();
    try {
      place.fill('main', (transaction) => {
        const dbi = transaction.openOrCreateDbi('data', 0);
        for (let at = 0; at < 5000; at++) transaction.put(dbi, Buffer.from(`key ${at}`), Buffer.alloc(100, 'v'));
      });
      expect(await place.run(['dump'], { stdout: failing('EPIPE') })).toMatchObject({ code: 0, stderr: '' });
    } finally {
      place.remove();
    }
  });

  it('fails when the disk is full', async () => {
    const outcome = await run(['version'], { stdout: failing('ENOSPC') });
    expect(outcome).toMatchObject({ code: 1, stderr: 'Error: cannot write the output: write ENOSPC\n' });
  });
});
