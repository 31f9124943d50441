import { defineConfig } from 'vitest/config';
export default defineConfig({ test: { include: ['test/storage/**/*.test.ts'], pool: 'forks', maxWorkers: 2, testTimeout: 60_000, hookTimeout: 120_000, globalSetup: ['test/support/servers/global-setup.ts'] } });
