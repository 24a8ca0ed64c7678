// Tests run the compiled code, the same files that ship: `npm test` builds first.
export default {
  roots: ['<rootDir>/dist'],
  testMatch: ['**/*.spec.js', '**/*.e2e-spec.js'],
  testEnvironment: 'node',
  transform: {},
  // Only what hangs runs into this: how fast a machine is decides no test.
  testTimeout: process.env.LEDGER_TEST_LONG ? 7_200_000 : 300_000,
  maxWorkers: 2,
  // Modules that a suite has loaded are never let go of, and a heap of gigabytes makes all that follows slow.
  workerIdleMemoryLimit: '600MB',
};
