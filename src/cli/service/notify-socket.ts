import koffi from 'koffi';

/** Says one message to the service manager. @returns false when it could not be sent now */
export type Send = (message: string) => boolean;

// The same numbers on every architecture of Linux that Node supports.
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** `sun_path` of `struct sockaddr_un`, unix(7). */
const PATH_LIMIT = 108;

/**
 * The socket of sd_notify(3): datagrams in the Unix domain, which Node cannot send, so libc does.
 *
 * @param path `$NOTIFY_SOCKET`: absolute, or with a leading `@` in the abstract namespace
 * @returns undefined when there is no such socket to be had: a path that is none of both, or no Linux
 */
export function openNotifySocket(path: string): Send | undefined {
  const address = addressOf(path);
  if (!address || process.platform !== 'linux') return undefined;
  const libc = koffi.load('libc.so.6');
  const sendto = libc.func('sendto', 'int64', ['int', 'void*', 'uint64', 'int', 'void*', 'uint32']);
  const descriptor: number = libc.func('socket', 'int', ['int', 'int', 'int'])(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return undefined;
  return (message) => {
    const bytes = Buffer.from(message);
    // The main thread never waits, not even for the service manager.
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    return Number(sendto(descriptor, bytes, bytes.length, flags, address, address.length)) === bytes.length;
  };
}

/** `struct sockaddr_un`, as long as its path: what follows would belong to the name of an abstract socket. */
export function addressOf(path: string): Buffer | undefined {
  if (!path.startsWith('/') && !path.startsWith('@')) return undefined;
  const name = Buffer.from(path);
  if (name.length >= PATH_LIMIT) return undefined;
  if (path.startsWith('@')) name[0] = 0;
  const family = Buffer.alloc(2);
  new Uint16Array(family.buffer, family.byteOffset, 1)[0] = AF_UNIX;
  return Buffer.concat([family, name]);
}
