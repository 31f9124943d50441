import type { Io } from '../io.ts';
import { ServiceNotifier, watchdogIntervalMs } from './notifier.ts';

/**
 * The service manager that started us with `Type=notify`, if one did.
 * @param databases those that are to be kept in step
 */
export async function openServiceNotifier(
  { env, pid }: Pick<Io, 'env' | 'pid'>,
  databases: readonly string[],
): Promise<ServiceNotifier | undefined> {
  if (!env.NOTIFY_SOCKET) return undefined;
  const { openNotifySocket } = await import('./notify-socket.ts');
  const send = openNotifySocket(env.NOTIFY_SOCKET);
  return send && new ServiceNotifier({ send, databases, watchdogMs: watchdogIntervalMs(env, pid) });
}
