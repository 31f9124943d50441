import { defineConfig } from 'vitest/config';

// Two cores in CI: two forks. Forks, not threads: a process never opens one LMDB twice (decision 2),
// and a fork that is torn down takes its environments with it.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/servers/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
