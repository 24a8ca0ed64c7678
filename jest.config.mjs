// Tests run the compiled code, the same files that ship: `npm test` builds first.
export default {
  roots: ['<rootDir>/dist'],
  testMatch: ['**/*.spec.js', '**/*.e2e-spec.js'],
  testEnvironment: 'node',
  transform: {},
};
