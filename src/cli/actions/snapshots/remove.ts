import { SMALL_REQUEST_LIMIT_MS, withStorage } from '../../bucket.ts';
import type { Session } from '../../session.ts';

export async function remove(session: Session, name: string): Promise<void> {
  await withStorage(session, (storage, signal) => storage.delete(name, { signal }), {
    limitMs: SMALL_REQUEST_LIMIT_MS,
  });
}
