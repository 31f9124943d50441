/*
 * The bare liblmdb work that lmdbstream is measured against, as fast as a program can do it; and the application beside
 * the syncer. Built by bench/bare.ts with `cc -O2 bare.c -l:liblmdb.so.0`; no header is needed, what is used of lmdb.h is
 * declared here. Prints one JSON object a command. bare.py does the same where there is no C compiler.
 *
 *   bare fill PATH DBI COUNT LAYOUT     rows into a new DBI, not timed
 *   bare scan PATH DBI                  every row by cursor, {ms, rows}
 *   bare append PATH COUNT WHAT         rows by APPEND in one transaction: main, shadow or both, {ms, rssAnonKb}
 *   bare app PATH DBI COUNT LAYOUT      reads `put N PAUSE_US` on stdin: N committed one-record puts of random rows,
 *                                       {waitUs: [...], putUs: [...]}: waiting for the write lock, and begin to commit
 *
 *                                       with LAYOUT `none` nothing is put: it waits for the lock and gives it back
 *   bare pair PATH PEER DBI COUNT       the application on PATH, and a reader of the LMDB that follows it, PEER. On stdin
 *                                       `pass N PAUSE_US`: N puts, each followed until the peer shows it, {seenUs, putUs}:
 *                                       end of the commit to visible; `burst N SPACING_US`: N puts, one each SPACING_US,
 *                                       then until both DBIs hold the same rows, {tookMs, equalMs}: the puts, and the
 *                                       end of the last commit to equal
 *
 * LAYOUT: plain; native (the value begins with the 24-byte header); dup (DUPSORT, 100 duplicates a key); grown (plain, but
 * filled in random order, 1,000 rows a transaction, as an application does); wide (grown, values of 1 KiB).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct { size_t size; void *data; } MDB_val;
typedef struct MDB_env MDB_env;
typedef struct MDB_txn MDB_txn;
typedef struct MDB_cursor MDB_cursor;
typedef unsigned int MDB_dbi;
int mdb_env_create(MDB_env **);
int mdb_env_set_mapsize(MDB_env *, size_t);
int mdb_env_set_maxdbs(MDB_env *, MDB_dbi);
int mdb_env_open(MDB_env *, const char *, unsigned, unsigned);
int mdb_txn_begin(MDB_env *, MDB_txn *, unsigned, MDB_txn **);
int mdb_txn_commit(MDB_txn *);
void mdb_txn_abort(MDB_txn *);
size_t mdb_txn_id(MDB_txn *);
int mdb_dbi_open(MDB_txn *, const char *, unsigned, MDB_dbi *);
int mdb_cursor_open(MDB_txn *, MDB_dbi, MDB_cursor **);
void mdb_cursor_close(MDB_cursor *);
int mdb_cursor_get(MDB_cursor *, MDB_val *, MDB_val *, int);
int mdb_cursor_put(MDB_cursor *, MDB_val *, MDB_val *, unsigned);
int mdb_get(MDB_txn *, MDB_dbi, MDB_val *, MDB_val *);
int mdb_put(MDB_txn *, MDB_dbi, MDB_val *, MDB_val *, unsigned);
const char *mdb_strerror(int);

enum { NOSYNC = 0x10000, RDONLY = 0x20000, CREATE = 0x40000, DUPSORT = 0x04, APPEND = 0x20000, APPENDDUP = 0x40000, NEXT = 8 };
enum { KEY = 32, VALUE = 45, WIDE = 1024, HEADER = 24, DUPLICATES = 100, ROWS_PER_TXN = 1000 };
static const size_t MAP_BYTES = (size_t)16 << 30;

static void check(int code, const char *what) {
  if (code == 0) return;
  fprintf(stderr, "%s: %s\n", what, mdb_strerror(code));
  exit(1);
}

static uint64_t nano(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
static double sinceMs(uint64_t from) { return (double)(nano(CLOCK_MONOTONIC) - from) / 1e6; }

static uint64_t mix(uint64_t x) { /* splitmix64 */
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

static void digits(char *at, unsigned width, uint64_t number) {
  while (width-- > 0) { at[width] = (char)('0' + number % 10); number /= 10; }
}
static void makeKey(char *key, uint64_t i) {
  memcpy(key, "h000000000.z00000.example.net./A", KEY);
  digits(key + 1, 9, i);
  digits(key + 12, 5, i / 100);
}
/* Text with 64 random bits, as a record of a name server: gzip makes about a half of it. */
static void makeValue(char *value, uint64_t seed) {
  uint64_t bits = mix(seed);
  memcpy(value, "192.0.000.000 ttl=3600 id=0000000000000000 ok", VALUE);
  digits(value + 6, 3, bits & 255);
  digits(value + 10, 3, (bits >> 8) & 255);
  for (int n = 0; n < 16; n++) value[26 + n] = "0123456789abcdef"[(bits >> (4 * n)) & 15];
}
/* The same over and over, each time with bits of its own. */
static void makeWide(char *value, uint64_t seed) {
  char part[VALUE];
  for (int at = 0; at < WIDE; at += VALUE) {
    makeValue(part, mix(seed) + (uint64_t)at);
    memcpy(value + at, part, at + VALUE < WIDE ? VALUE : WIDE - at);
  }
}
static void bigEndian(char *at, uint64_t number) {
  for (int n = 7; n >= 0; n--) { at[n] = (char)number; number >>= 8; }
}
static void makeHeader(char *header, uint64_t time, uint64_t txn) {
  memset(header, 0, HEADER);
  bigEndian(header, time);
  bigEndian(header + 8, txn);
}

static MDB_env *openEnvWith(const char *path, unsigned flags) {
  MDB_env *env;
  check(mdb_env_create(&env), "create");
  check(mdb_env_set_mapsize(env, MAP_BYTES), "mapsize");
  check(mdb_env_set_maxdbs(env, 16), "maxdbs");
  check(mdb_env_open(env, path, flags, 0664), path);
  return env;
}
static MDB_env *openEnv(const char *path) { return openEnvWith(path, 0); }

static long rssAnonKb(void) {
  char line[256];
  long kb = 0;
  FILE *status = fopen("/proc/self/status", "r");
  while (status && fgets(line, sizeof line, status)) if (sscanf(line, "RssAnon: %ld", &kb) == 1) break;
  if (status) fclose(status);
  return kb;
}

/* Rows are made before the clock starts. */
typedef struct { char *keys, *values; size_t valueSize; } Rows;
static Rows makeRows(uint64_t count, int headered) {
  Rows rows = { malloc(count * KEY), NULL, (headered ? HEADER : 0) + VALUE };
  rows.values = malloc(count * rows.valueSize);
  for (uint64_t i = 0; i < count; i++) {
    char *value = rows.values + i * rows.valueSize;
    makeKey(rows.keys + i * KEY, i);
    if (headered) makeHeader(value, 1, 1);
    makeValue(value + rows.valueSize - VALUE, i);
  }
  return rows;
}
static void appendRows(MDB_txn *txn, const char *name, const Rows *rows, uint64_t count) {
  MDB_dbi dbi;
  MDB_cursor *cursor;
  check(mdb_dbi_open(txn, name, CREATE, &dbi), name);
  check(mdb_cursor_open(txn, dbi, &cursor), "cursor");
  for (uint64_t i = 0; i < count; i++) {
    MDB_val key = { KEY, rows->keys + i * KEY }, value = { rows->valueSize, rows->values + i * rows->valueSize };
    check(mdb_cursor_put(cursor, &key, &value, APPEND), "append");
  }
  mdb_cursor_close(cursor);
}

static void append(const char *path, uint64_t count, const char *what) {
  int main = strcmp(what, "shadow") != 0, shadow = strcmp(what, "main") != 0;
  Rows mainRows = { 0 }, shadowRows = { 0 };
  if (main) mainRows = makeRows(count, 0);
  if (shadow) shadowRows = makeRows(count, 1);
  MDB_env *env = openEnv(path);
  MDB_txn *txn;
  long before = rssAnonKb();
  uint64_t start = nano(CLOCK_MONOTONIC);
  check(mdb_txn_begin(env, NULL, 0, &txn), "begin");
  if (main) appendRows(txn, "data", &mainRows, count);
  if (shadow) appendRows(txn, "_sync_shadow_data", &shadowRows, count);
  double putMs = sinceMs(start);
  long dirty = rssAnonKb() - before;
  check(mdb_txn_commit(txn), "commit");
  printf("{\"ms\": %.3f, \"putMs\": %.3f, \"rssAnonKb\": %ld}\n", sinceMs(start), putMs, dirty);
}

/* Left to the page cache: bench/grown.ts copies it. */
static void grow(const char *path, const char *name, uint64_t count, int wide) {
  MDB_env *env = openEnvWith(path, NOSYNC);
  uint32_t *order = malloc(count * sizeof *order);
  for (uint64_t i = 0; i < count; i++) {
    uint64_t j = mix(i) % (i + 1);
    order[i] = order[j];
    order[j] = (uint32_t)i;
  }
  char key[KEY], value[WIDE];
  for (uint64_t n = 0; n < count;) {
    MDB_txn *txn;
    MDB_dbi dbi;
    check(mdb_txn_begin(env, NULL, 0, &txn), "begin");
    check(mdb_dbi_open(txn, name, CREATE, &dbi), name);
    for (uint64_t end = n + ROWS_PER_TXN; n < end && n < count; n++) {
      makeKey(key, order[n]);
      if (wide) makeWide(value, order[n]);
      else makeValue(value, order[n]);
      MDB_val k = { KEY, key }, v = { wide ? WIDE : VALUE, value };
      check(mdb_put(txn, dbi, &k, &v, 0), "put");
    }
    check(mdb_txn_commit(txn), "commit");
  }
  printf("{}\n");
}

static void fill(const char *path, const char *name, uint64_t count, const char *layout) {
  if (!strcmp(layout, "grown") || !strcmp(layout, "wide")) return grow(path, name, count, !strcmp(layout, "wide"));
  int native = strcmp(layout, "native") == 0, dup = strcmp(layout, "dup") == 0;
  MDB_env *env = openEnv(path);
  MDB_txn *txn;
  check(mdb_txn_begin(env, NULL, 0, &txn), "begin");
  if (!dup) {
    Rows rows = makeRows(count, native);
    appendRows(txn, name, &rows, count);
  } else {
    MDB_dbi dbi;
    char key[KEY], value[VALUE];
    check(mdb_dbi_open(txn, name, CREATE | DUPSORT, &dbi), name);
    for (uint64_t i = 0; i < count; i++) {
      makeKey(key, i / DUPLICATES);
      makeValue(value, i);
      MDB_val k = { KEY, key }, v = { VALUE, value };
      check(mdb_put(txn, dbi, &k, &v, 0), "put");
    }
  }
  check(mdb_txn_commit(txn), "commit");
  printf("{}\n");
}

static void scan(const char *path, const char *name) {
  MDB_env *env = openEnv(path);
  MDB_txn *txn;
  MDB_dbi dbi;
  MDB_cursor *cursor;
  MDB_val key, value;
  uint64_t rows = 0, sum = 0, start = nano(CLOCK_MONOTONIC);
  check(mdb_txn_begin(env, NULL, RDONLY, &txn), "begin");
  check(mdb_dbi_open(txn, name, 0, &dbi), name);
  check(mdb_cursor_open(txn, dbi, &cursor), "cursor");
  while (mdb_cursor_get(cursor, &key, &value, NEXT) == 0) {
    rows++;
    sum += *(unsigned char *)key.data + ((unsigned char *)value.data)[value.size - 1];
  }
  mdb_cursor_close(cursor);
  mdb_txn_abort(txn);
  printf("{\"ms\": %.3f, \"rows\": %llu, \"sum\": %llu}\n", sinceMs(start), (unsigned long long)rows, (unsigned long long)sum);
}

static void printList(const char *name, const double *list, long length, const char *end) {
  printf("\"%s\": [", name);
  for (long n = 0; n < length; n++) printf("%s%.1f", n ? ", " : "", list[n]);
  printf("]%s", end);
}

static void app(const char *path, const char *name, uint64_t count, const char *layout) {
  int native = strcmp(layout, "native") == 0, dup = strcmp(layout, "dup") == 0, none = strcmp(layout, "none") == 0;
  int wide = strcmp(layout, "wide") == 0;
  MDB_env *env = openEnv(path);
  MDB_txn *txn;
  MDB_dbi dbi;
  if (!none) {
    check(mdb_txn_begin(env, NULL, 0, &txn), "begin");
    check(mdb_dbi_open(txn, name, 0, &dbi), name);
    check(mdb_txn_commit(txn), "commit");
  }
  char line[256], key[KEY], value[HEADER + WIDE];
  uint64_t random = nano(CLOCK_REALTIME); /* no value of an earlier run, or nothing would change */
  printf("{}\n");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    long times = 0, pauseUs = 0;
    if (sscanf(line, "put %ld %ld", &times, &pauseUs) < 1) break;
    double *waitUs = malloc(sizeof(double) * (size_t)times), *putUs = malloc(sizeof(double) * (size_t)times);
    for (long n = 0; n < times; n++) {
      if (n && pauseUs) usleep((useconds_t)pauseUs);
      uint64_t i = mix(random++) % (count ? count : 1);
      makeKey(key, dup ? i / DUPLICATES : i);
      if (wide) makeWide(value + HEADER, random);
      else makeValue(value + HEADER, random);
      uint64_t start = nano(CLOCK_MONOTONIC);
      check(mdb_txn_begin(env, NULL, 0, &txn), "begin");
      waitUs[n] = putUs[n] = (double)(nano(CLOCK_MONOTONIC) - start) / 1e3;
      if (none) { mdb_txn_abort(txn); continue; }
      makeHeader(value, nano(CLOCK_REALTIME), mdb_txn_id(txn));
      MDB_val k = { KEY, key }, v = { wide ? WIDE : VALUE, value + HEADER };
      if (native) v = (MDB_val){ HEADER + VALUE, value };
      check(mdb_put(txn, dbi, &k, &v, 0), "put");
      check(mdb_txn_commit(txn), "commit");
      putUs[n] = (double)(nano(CLOCK_MONOTONIC) - start) / 1e3;
    }
    printf("{");
    printList("waitUs", waitUs, times, ", ");
    printList("putUs", putUs, times, "}\n");
    fflush(stdout);
    free(waitUs);
    free(putUs);
  }
}

typedef struct { MDB_env *env; MDB_dbi dbi; } Opened;

static Opened openDbi(const char *path, const char *name) {
  Opened opened = { openEnv(path), 0 };
  MDB_txn *txn;
  check(mdb_txn_begin(opened.env, NULL, 0, &txn), "begin");
  check(mdb_dbi_open(txn, name, 0, &opened.dbi), name);
  check(mdb_txn_commit(txn), "commit");
  return opened;
}

/* Commits one random record; key and value are left in the buffers. Returns the duration in us. */
static double putOne(Opened of, uint64_t count, uint64_t *random, char *key, char *value) {
  MDB_txn *txn;
  makeKey(key, mix((*random)++) % count);
  makeValue(value, *random);
  uint64_t start = nano(CLOCK_MONOTONIC);
  MDB_val k = { KEY, key }, v = { VALUE, value };
  check(mdb_txn_begin(of.env, NULL, 0, &txn), "begin");
  check(mdb_put(txn, of.dbi, &k, &v, 0), "put");
  check(mdb_txn_commit(txn), "commit");
  return (double)(nano(CLOCK_MONOTONIC) - start) / 1e3;
}

static int shows(Opened peer, char *key, const char *value) {
  MDB_txn *txn;
  MDB_val k = { KEY, key }, v;
  check(mdb_txn_begin(peer.env, NULL, RDONLY, &txn), "begin");
  int isThere = mdb_get(txn, peer.dbi, &k, &v) == 0 && v.size == VALUE && memcmp(v.data, value, VALUE) == 0;
  mdb_txn_abort(txn);
  return isThere;
}

static int differs(MDB_val a, MDB_val b) { return a.size != b.size || memcmp(a.data, b.data, a.size) != 0; }

static int areEqual(Opened one, Opened other) {
  MDB_txn *txns[2];
  MDB_cursor *cursors[2];
  Opened both[2] = { one, other };
  for (int n = 0; n < 2; n++) {
    check(mdb_txn_begin(both[n].env, NULL, RDONLY, &txns[n]), "begin");
    check(mdb_cursor_open(txns[n], both[n].dbi, &cursors[n]), "cursor");
  }
  MDB_val key[2], value[2];
  int equal = 1, more = 1;
  while (equal && more) {
    int ends[2];
    for (int n = 0; n < 2; n++) ends[n] = mdb_cursor_get(cursors[n], &key[n], &value[n], NEXT) != 0;
    more = !ends[0];
    equal = ends[0] == ends[1] && (!more || !(differs(key[0], key[1]) || differs(value[0], value[1])));
  }
  for (int n = 0; n < 2; n++) {
    mdb_cursor_close(cursors[n]);
    mdb_txn_abort(txns[n]);
  }
  return equal;
}

static void await(int isDone, uint64_t since, useconds_t pauseUs) {
  if (isDone) return;
  if (sinceMs(since) > 60e3) {
    fprintf(stderr, "the peer does not follow\n");
    exit(1);
  }
  usleep(pauseUs);
}

static void pair(const char *path, const char *peerPath, const char *name, uint64_t count) {
  Opened here = openDbi(path, name), peer = openDbi(peerPath, name);
  char line[256], key[KEY], value[VALUE];
  uint64_t random = nano(CLOCK_REALTIME);
  printf("{}\n");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    long times = 0, pauseUs = 0;
    if (sscanf(line, "pass %ld %ld", &times, &pauseUs) == 2) {
      double *seenUs = malloc(sizeof(double) * (size_t)times), *putUs = malloc(sizeof(double) * (size_t)times);
      for (long n = 0; n < times; n++) {
        if (n && pauseUs) usleep((useconds_t)pauseUs);
        putUs[n] = putOne(here, count, &random, key, value);
        uint64_t committed = nano(CLOCK_MONOTONIC);
        for (int isThere = 0; !isThere;) await(isThere = shows(peer, key, value), committed, 50);
        seenUs[n] = sinceMs(committed) * 1e3;
      }
      printf("{");
      printList("seenUs", seenUs, times, ", ");
      printList("putUs", putUs, times, "}\n");
      free(seenUs);
      free(putUs);
    } else if (sscanf(line, "burst %ld %ld", &times, &pauseUs) == 2) {
      uint64_t start = nano(CLOCK_MONOTONIC);
      for (long n = 0; n < times; n++) {
        double aheadUs = (double)n * (double)pauseUs - sinceMs(start) * 1e3;
        if (aheadUs > 0) usleep((useconds_t)aheadUs);
        putOne(here, count, &random, key, value);
      }
      double tookMs = sinceMs(start);
      uint64_t committed = nano(CLOCK_MONOTONIC);
      /* The last put is looked for first: comparing everything costs the product a core. */
      for (int isThere = 0; !isThere;) await(isThere = shows(peer, key, value), committed, 1000);
      for (int isEqual = 0; !isEqual;) await(isEqual = areEqual(here, peer), committed, 20000);
      printf("{\"tookMs\": %.1f, \"equalMs\": %.1f}\n", tookMs, sinceMs(committed));
    } else break;
    fflush(stdout);
  }
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  if (!strcmp(mode, "fill") && argc == 6) fill(argv[2], argv[3], strtoull(argv[4], NULL, 10), argv[5]);
  else if (!strcmp(mode, "scan") && argc == 4) scan(argv[2], argv[3]);
  else if (!strcmp(mode, "append") && argc == 5) append(argv[2], strtoull(argv[3], NULL, 10), argv[4]);
  else if (!strcmp(mode, "app") && argc == 6) app(argv[2], argv[3], strtoull(argv[4], NULL, 10), argv[5]);
  else if (!strcmp(mode, "pair") && argc == 6) pair(argv[2], argv[3], argv[4], strtoull(argv[5], NULL, 10));
  else return fprintf(stderr, "usage: see the top of bare.c\n"), 2;
  return 0;
}
