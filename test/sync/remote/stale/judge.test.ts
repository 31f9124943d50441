import { describe, expect, it } from 'vitest';
import { describeError, LmdbstreamError } from '../../../../src/errors/index.ts';
import {
  formatAge,
  judgeStaleness,
  StaleInstanceError,
  type StalenessInput,
} from '../../../../src/sync/remote/stale/index.ts';

const DAY = 86_400_000_000_000n;
const NOW = 1_700_000_000_000_000_000n;
const RETENTION = 370n * DAY;

function judge(change: Partial<StalenessInput>) {
  return judgeStaleness({
    now: NOW,
    retentionNano: RETENTION,
    sweeperEnabled: true,
    ownNewestNano: NOW - 400n * DAY,
    localNewestNano: NOW - 400n * DAY,
    hasLocalData: true,
    otherInstances: 2,
    acceptStale: false,
    ...change,
  });
}

describe('an instance with data of its own, among others', () => {
  it('is stale when strictly longer away than the retention', () => {
    expect(judge({ ownNewestNano: NOW - RETENTION })).toMatchObject({ verdict: 'fresh', reason: 'within retention' });
    expect(judge({ ownNewestNano: NOW - RETENTION - 1n })).toEqual({
      verdict: 'stale',
      evidence: {
        source: 'own object',
        lastContactNano: NOW - RETENTION - 1n,
        ageNano: RETENTION + 1n,
        retentionNano: RETENTION,
        sweeperEnabled: true,
      },
    });
  });

  it('is fresh by its own object, however quiet the fleet was', () => {
    expect(judge({ ownNewestNano: NOW - DAY, localNewestNano: NOW - 900n * DAY }).verdict).toBe('fresh');
  });

  it('is judged by its own object, not by what the application wrote while it was away', () => {
    expect(judge({ localNewestNano: NOW - DAY }).verdict).toBe('stale');
  });

  it('is judged by its LMDB where a peer removed its objects', () => {
    expect(judge({ ownNewestNano: undefined })).toMatchObject({
      verdict: 'stale',
      evidence: { source: 'local entries' },
    });
    expect(judge({ ownNewestNano: undefined, localNewestNano: NOW - 369n * DAY }).verdict).toBe('fresh');
  });

  it('counts the retention with the own sweeper off as well', () => {
    expect(judge({ sweeperEnabled: false }).verdict).toBe('stale');
  });

  it('is not stale by a clock that was set back', () => {
    expect(judge({ ownNewestNano: NOW + 500n * DAY })).toMatchObject({
      verdict: 'fresh',
      evidence: { ageNano: -500n * DAY },
    });
  });
});

describe('nothing to judge', () => {
  it.each([
    ['no local data', { hasLocalData: false }],
    ['no other instances', { otherInstances: 0 }],
    ['never synced', { ownNewestNano: undefined, localNewestNano: undefined }],
    ['accepted', { acceptStale: true }],
  ] as const)('fresh: %s', (reason, change) => {
    expect(judge(change)).toMatchObject({ verdict: 'fresh', reason });
  });

  it('keeps the evidence of what was accepted, for the log', () => {
    expect(judge({ acceptStale: true })).toMatchObject({ evidence: { ageNano: 400n * DAY } });
  });
});

describe('the error', () => {
  it('names database, instance, age and retention, and both ways out', () => {
    const staleness = judge({ sweeperEnabled: false });
    if (staleness.verdict !== 'stale') throw new Error('expected stale');
    const error = new StaleInstanceError('main', 'ns3', staleness.evidence);
    expect(error).toBeInstanceOf(LmdbstreamError);
    expect(error.code).toBe('STALE_INSTANCE');
    expect(error.message).toMatch(/main.*ns3.*400 days.*370 days.*sweeper is off/);
    expect(error.hint).toMatch(/empty LMDB.*--accept-stale/);
    expect(describeError(error)).not.toContain('\n');
  });

  it('prints ages as people say them', () => {
    expect(formatAge(3_600_000_000_000n)).toBe('1 hour');
    expect(formatAge(DAY + DAY / 2n)).toBe('36 hours');
    expect(formatAge(RETENTION + DAY / 4n)).toBe('370.3 days');
  });
});
