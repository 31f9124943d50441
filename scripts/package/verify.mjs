import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { outputOf, root } from '../processes.mjs';
import { must, packagesFolder, product } from './product.mjs';

const RELEASE = 'bookworm';
const MIRROR = process.env.LMDBSTREAM_DEBIAN_MIRROR ?? 'http://deb.debian.org/debian';
const base = join(packagesFolder, `debian-${RELEASE}`);

/** What is done in the clean system, as a script of its own; each line of it must succeed. */
const INSTALL = `set -eux
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends "/tmp/$1"
test -z "$(dpkg -V lmdbstream)"
test ! -e /run/lmdbstream && test ! -e /etc/lmdbstream/lightningstream.yaml
mkdir /tmp/db /tmp/bucket
chown nobody /tmp/db /tmp/bucket`;
const RUN = `set -eux
lmdbstream version | grep -F "$1"
export TMPDIR=/tmp
lmdbstream --config /tmp/config.yaml --instance one sync --only-once
lmdbstream --config /tmp/config.yaml stats | grep main
test -f /tmp/db/data.mdb`;
const REMOVE = `set -eux
apt-get remove -q -y lmdbstream
test ! -e /usr/bin/lmdbstream && test ! -e /usr/lib/lmdbstream && test -e /etc/lmdbstream
apt-get purge -q -y lmdbstream
test ! -e /etc/lmdbstream && test ! -e /usr/share/doc/lmdbstream && test ! -e /var/cache/lmdbstream`;

/** @returns {string | undefined} why a clean Debian cannot be made here */
export function whyNoChroot() {
  if (process.getuid?.() !== 0) return 'a clean Debian is made by root only';
  if (!existsSync(base) && outputOf('debootstrap', ['--version']) === undefined) {
    return 'debootstrap is missing: apt-get install debootstrap';
  }
  return undefined;
}

/**
 * Installs each package of this architecture in a clean Debian, runs it there as a user without rights, removes and purges it.
 * @param {readonly string[]} debs
 * @returns {number} an exit code
 */
export function verifyInChroot(debs) {
  const reason = whyNoChroot();
  if (reason !== undefined) {
    console.log(`Not verified: ${reason}.`);
    return 0;
  }
  const own = outputOf('dpkg', ['--print-architecture'])?.trim();
  for (const deb of debs) {
    if (!deb.endsWith(`_${own}.deb`)) {
      console.log(`${basename(deb)}: not verified, this machine is ${own}.`);
      continue;
    }
    verify(deb);
    console.log(`${basename(deb)}: installed, run, removed and purged in a clean ${RELEASE}.`);
  }
  return 0;
}

/** @param {string} deb */
function verify(deb) {
  makeBase();
  const clean = mkdtempSync(join(tmpdir(), 'lmdbstream-chroot-'));
  try {
    must('cp', ['-a', `${base}/.`, clean]);
    copyFileSync(deb, join(clean, 'tmp', basename(deb)));
    copyFileSync('/etc/resolv.conf', join(clean, 'etc/resolv.conf'));
    cpSync(join(root, 'packaging/verify.yaml'), join(clean, 'tmp/config.yaml'));
    must('chmod', ['755', clean]);
    inside(clean, [], INSTALL, basename(deb));
    inside(clean, ['--userspec=nobody:nogroup'], RUN, product.version);
    inside(clean, [], REMOVE);
  } finally {
    rmSync(clean, { recursive: true, force: true });
  }
}

/** Made once, without anything mounted in it: removing it can take nothing else away. */
function makeBase() {
  if (existsSync(base)) return;
  const incoming = `${base}.incoming`;
  rmSync(incoming, { recursive: true, force: true });
  mkdirSync(incoming, { recursive: true });
  must('debootstrap', ['--variant=minbase', RELEASE, incoming, MIRROR]);
  renameSync(incoming, base);
}

/**
 * @param {string} clean
 * @param {readonly string[]} flags of chroot(8)
 * @param {string} script
 * @param {readonly string[]} args
 */
function inside(clean, flags, script, ...args) {
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/nonexistent', LC_ALL: 'C.UTF-8' };
  const words = [...flags, clean, 'sh', '-c', script, 'sh', ...args];
  const { status, stdout, stderr } = spawnSync('chroot', words, { env, encoding: 'utf8', timeout: 300_000 });
  if (status !== 0) throw new Error(`in the clean Debian, exit code ${status}:\n${stdout}\n${stderr}`);
}
