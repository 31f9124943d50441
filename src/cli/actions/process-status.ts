/** What `status` takes from `/api/status` of a running process (docs/api-status.schema.json). */
export interface ProcessStatus {
  readonly instance: string;
  readonly health: string;
  readonly databases: readonly {
    readonly name: string;
    readonly phase: string;
    readonly lockWaitingSeconds: number | null;
    readonly peers: readonly {
      readonly instance: string;
      readonly newestObject: string;
      readonly newestTime: string;
      readonly behind: boolean;
      readonly lagSeconds: number | null;
    }[];
    readonly lastError: {
      readonly time: string;
      readonly severity: string;
      readonly message: string;
      readonly hint: string | null;
    } | null;
  }[];
}

const LIMIT_MS = 5000;

/** @returns `nobody` when no process listens there; another text: why the answer is none */
export async function readProcessStatus(url: string, signal: AbortSignal): Promise<ProcessStatus | 'nobody' | string> {
  let response: Response;
  try {
    response = await fetch(url, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]),
      // One request: no connection is to be kept, which a server that ends would cut.
      headers: { connection: 'close' },
    });
  } catch (error) {
    signal.throwIfAborted();
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
    return code === 'ECONNREFUSED' ? 'nobody' : (error as Error).message;
  }
  if (!response.ok) return `HTTP ${response.status}`;
  try {
    return take(await response.json());
  } catch (error) {
    signal.throwIfAborted();
    return `not the answer of lmdbstream (${(error as Error).message})`;
  }
}

/** A program of another kind may listen there: every field is looked at. @throws TypeError */
function take(answer: unknown): ProcessStatus {
  const root = object(answer);
  return {
    instance: text(root.instance),
    health: text(object(root.health).status),
    databases: list(root.databases).map((each) => {
      const database = object(each);
      const [problem] = list(database.problems)
        .map(object)
        .filter(({ over }) => over !== true);
      return {
        name: text(database.name),
        phase: text(database.phase),
        lockWaitingSeconds: numberOrNull(database.lockWaitingSeconds),
        peers: list(database.peers).map((peer) => {
          const { instance, newestObject, newestTime, behind, lagSeconds } = object(peer);
          return {
            instance: text(instance),
            newestObject: text(newestObject),
            newestTime: time(newestTime),
            behind: behind === true,
            lagSeconds: numberOrNull(lagSeconds),
          };
        }),
        lastError: problem
          ? {
              time: time(problem.time),
              severity: text(problem.severity),
              message: text(problem.message),
              hint: typeof problem.hint === 'string' ? problem.hint : null,
            }
          : null,
      };
    }),
  };
}

function object(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new TypeError('an object was expected');
  return value as Record<string, unknown>;
}

function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new TypeError('a list was expected');
  return value;
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('a text was expected');
  return value;
}

function time(value: unknown): string {
  if (!Number.isFinite(Date.parse(text(value)))) throw new TypeError('a time was expected');
  return text(value);
}

function numberOrNull(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}
