import { defineConfig } from 'vitest/config';

// What `npm run mutation` runs again for every mutant: the tests of the decisions that it changes, which need no LMDB, no server and
// no second process. Thousands of runs: the random ones are shorter than in `npm test`.
export default defineConfig({
  test: {
    include: [
      'test/merge/**/*.test.ts',
      'test/snapshot/names.test.ts',
      'test/sync/chain/**/*.test.ts',
      'test/sync/clean/{decide,decide.property}.test.ts',
    ],
    exclude: ['test/sync/chain/bounds.test.ts'],
    env: { LMDBSTREAM_TEST_RUNS: '0.02' },
    testTimeout: 20_000,
  },
});
