import { constants } from 'node:os';
import { RestartError } from './errors.ts';

/** Loaded when a process is started, which is seldom: it brings sockets with it, and every start of ours would wait for them. */
const childProcess = () => process.getBuiltinModule('node:child_process');

const FORWARDED = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const;

/** A fork whose exec fails is the cheapest process there is, and needs nothing installed. */
export function burnPid(): void {
  childProcess().spawnSync('/nonexistent', { stdio: 'ignore' });
}

/**
 * Runs this very command line as a child with another environment. The child has a process group of its own: Ctrl-C at a
 * terminal then reaches it once, through us, and not twice (a second signal would end it at once).
 *
 * @returns its exit code, or 128 plus the number of the signal that ended it
 */
export function restartProcess(env: Readonly<Record<string, string | undefined>>): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = childProcess().spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
      env: { ...env },
      stdio: 'inherit',
      detached: true,
    });
    const forwards = FORWARDED.map((signal) => ({ signal, forward: () => void child.kill(signal) }));
    for (const { signal, forward } of forwards) process.on(signal, forward);
    const done = (): void => {
      for (const { signal, forward } of forwards) process.off(signal, forward);
    };
    child.on('error', (error) => {
      done();
      reject(new RestartError(error));
    });
    child.on('exit', (code, signal) => {
      done();
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0));
    });
  });
}
