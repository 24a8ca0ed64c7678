// Each folder names what it may import; everything else is an error. Mirrors docs/ARCHITECTURE.md.
const MAY_IMPORT = {
  'libs/domain': [],
  'libs/event-store': ['libs/domain'],
  'libs/commands': ['libs/domain', 'libs/event-store'],
  'libs/read-models': ['libs/domain', 'libs/event-store'],
  'libs/publishing': ['libs/domain', 'libs/event-store'],
  'libs/gateway-cache': ['libs/publishing'],
  'libs/process': ['libs/publishing'],
  'libs/runtime': [
    'libs/domain',
    'libs/event-store',
    'libs/commands',
    'libs/read-models',
    'libs/publishing',
    'libs/process',
  ],
  'apps/ledger-api': [
    'libs/domain',
    'libs/event-store',
    'libs/commands',
    'libs/read-models',
    'libs/publishing',
    'libs/process',
    'libs/runtime',
  ],
  'apps/ledger-worker': [
    'libs/domain',
    'libs/event-store',
    'libs/publishing',
    'libs/process',
    'libs/runtime',
  ],
  'apps/ledger-gateway': ['libs/gateway-cache', 'libs/process'],
  'apps/ledger-cli': ['libs/domain', 'libs/runtime'],
};

// Production code only: specs and `testing/` may reach wherever they need to.
const PRODUCTION = { pathNot: '(\\.spec\\.ts$|/testing/)' };

/** Outside packages that only one corner of the tree may know. */
const CONFINED = {
  'better-sqlite3': '^libs/(event-store/src/adapters|read-models/src/projector)/',
  '@eventstore/db-client': '^libs/event-store/src/adapters/eventstoredb/',
  '@grpc/grpc-js': '^libs/event-store/src/adapters/eventstoredb/',
  'google-protobuf': '^libs/event-store/src/adapters/eventstoredb/',
  kafkajs: '^libs/(publishing|gateway-cache)/src/adapters/',
};

const arrows = Object.entries(MAY_IMPORT).map(([folder, allowed]) => ({
  name: `arrows-of-${folder.replace('/', '-')}`,
  severity: 'error',
  from: { path: `^${folder}/`, ...PRODUCTION },
  to: {
    path: '^(apps|libs|test|bench)/',
    pathNot: `^(${[folder, ...allowed].join('|')})/`,
  },
}));

const doors = {
  name: 'two-doors-a-lib',
  comment: 'A lib is entered through its index, or for tests through its testing door.',
  severity: 'error',
  from: { path: '^(apps|libs|test|bench)/([^/]+)/' },
  to: {
    path: '^libs/([^/]+)/src/.+',
    pathNot: ['^libs/$2/', '^libs/[^/]+/src/(testing/)?index\\.ts$'],
  },
};

module.exports = {
  forbidden: [
    ...arrows,
    doors,
    {
      name: 'pure-domain',
      severity: 'error',
      from: { path: '^libs/domain/', ...PRODUCTION },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-peer', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: { path: '^(apps|libs)/' },
      to: { circular: true },
    },
    {
      name: 'tests-stay-in-tests',
      severity: 'error',
      from: { path: '^(apps|libs)/', ...PRODUCTION },
      to: { path: '(\\.spec\\.ts$|/testing/|^test/|^bench/)' },
    },
    ...Object.entries(CONFINED).map(([name, home]) => ({
      name: `${name.replace(/\W+/g, '-')}-is-confined`,
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: [home, PRODUCTION.pathNot] },
      to: { path: `node_modules/(@types/)?${name}/` },
    })),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types'],
    },
  },
};
