import * as z from 'zod';

/** What `/api/status` answers; `docs/api-status.schema.json` is made of it. Fields are added, never renamed or removed. */

const time = z.iso.datetime().describe('UTC, RFC 3339');
const count = z.int().nonnegative();
const bytes = count.describe('bytes');
const optional = <T extends z.ZodType>(schema: T) => schema.nullable();

const problem = z.strictObject({
  time: time.describe('the last time it happened'),
  count: count.describe('how often'),
  severity: z.enum(['warning', 'error']),
  message: z.string(),
  hint: optional(z.string()).describe('what to do'),
  over: z.boolean().describe('whether what failed has worked since'),
});

const peer = z.strictObject({
  instance: z.string(),
  newestObject: z.string(),
  newestTime: time.describe('the time that its newest object claims'),
  mergedObject: optional(z.string()),
  mergedTime: optional(time),
  mergedAt: optional(time).describe('when the last object was merged here'),
  lagSeconds: optional(z.number().nonnegative()).describe('from the time of the last merged object to its merge'),
  behind: z.boolean().describe('whether a newer object waits to be merged'),
  mergedObjects: count,
  mergedChanges: count,
  refusedObjects: count,
});

const dbi = z.strictObject({
  name: z.string(),
  flags: z.array(z.string()),
  entries: count,
  depth: count,
  branchPages: count,
  leafPages: count,
  overflowPages: count,
  usedBytes: bytes,
});

const sidecar = z.strictObject({
  path: z.string(),
  fileSizeBytes: bytes,
  entries: count.describe('of all DBIs, deletion marks included'),
});

const lmdb = z.strictObject({
  path: z.string(),
  mapSizeBytes: bytes,
  fileSizeBytes: bytes,
  usedBytes: bytes.describe('bytes of the pages of all DBIs'),
  lastTxnId: count,
  readers: count,
  maxReaders: count,
  dbis: z.array(dbi),
  sidecar: optional(sidecar).describe('with `shadow: sidecar`'),
});

const series = (what: string) => z.array(z.number().nonnegative()).describe(what);

const history = z.strictObject({
  stepSeconds: z.number().positive(),
  firstTime: time.describe('start of the first step; the last step is the current one'),
  recorded: series('entries that the application changed, by step'),
  merged: series('entries that peers changed, by step'),
  lockWaitMaxMs: series('longest wait for the write lock, by step'),
  lockHeldMaxMs: series('longest time the write lock was held, by step'),
  mergeLagMaxMs: series('longest time from a change elsewhere to its merge here, by step'),
});

const database = z.strictObject({
  name: z.string(),
  phase: z.enum(['opening', 'listing', 'joining', 'running', 'stopped', 'failed']),
  lockWaitingSeconds: optional(z.number().nonnegative()).describe('how long a worker waits for the write lock now'),
  recordedChanges: count,
  mergedChanges: count,
  published: z.strictObject({
    objects: count,
    bytes,
    last: optional(
      z.strictObject({ name: z.string(), kind: z.enum(['snapshot', 'delta']), sizeBytes: bytes, at: time }),
    ),
  }),
  inStorage: optional(z.strictObject({ objects: count, sizeBytes: bytes })),
  chainLength: count.describe('deltas since our last full snapshot'),
  detachedDbis: z.array(z.string()),
  lmdb: optional(lmdb),
  peers: z.array(peer),
  problems: z.array(problem).describe('newest first, at most 20'),
  history,
});

export const apiStatusSchema = z
  .strictObject({
    version: z.string(),
    instance: z.string(),
    hostname: z.string(),
    storage: z.string().describe('type of the bucket'),
    startedAt: time,
    time,
    health: z.strictObject({
      status: z.enum(['OK', 'Warning', 'Unavailable']),
      failures: z.record(z.string(), z.string()),
      warnings: z.record(z.string(), z.string()),
    }),
    databases: z.array(database),
  })
  .meta({ title: 'lmdbstream /api/status' });

export type ApiStatus = z.output<typeof apiStatusSchema>;
export type DatabaseAnswer = ApiStatus['databases'][number];
export type PeerAnswer = DatabaseAnswer['peers'][number];
export type ProblemAnswer = DatabaseAnswer['problems'][number];

/** The text of `docs/api-status.schema.json`. */
export function apiStatusJsonSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(apiStatusSchema), undefined, 2)}\n`;
}
