import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';

/** Ports of the loopback that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

export interface RunningProcess {
  readonly child: ChildProcess;
  /** The last lines that it wrote, for an error message. */
  output(): string;
  /** SIGTERM, and SIGKILL when that does not help. */
  stop(): Promise<void>;
}

const OUTPUT_CHARS = 8_000;
const TERM_PATIENCE_MS = 5_000;

/** @throws when it ends before `isReady`, or that takes longer than `readyWithinMs`. */
export async function startProcess(
  command: string,
  args: readonly string[],
  options: { cwd: string; isReady: () => Promise<boolean>; readyWithinMs: number; env?: NodeJS.ProcessEnv },
): Promise<RunningProcess> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-OUTPUT_CHARS);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  let ended = false;
  const exit = new Promise<void>((resolve) => {
    const end = (reason?: unknown): void => {
      if (reason instanceof Error) output += String(reason);
      ended = true;
      resolve();
    };
    child.once('exit', end);
    child.once('error', end);
  });
  // A process must not outlive the one that started it.
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const timer = setTimeout(kill, TERM_PATIENCE_MS);
    await exit;
    clearTimeout(timer);
    process.off('exit', kill);
  };
  const deadline = Date.now() + options.readyWithinMs;
  while (!(await options.isReady().catch(() => false))) {
    if (ended || Date.now() > deadline) {
      if (!ended) await stop();
      throw new Error(`${command} ${args.join(' ')} did not start:\n${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { child, output: () => output, stop };
}
