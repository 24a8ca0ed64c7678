export * from './bootstrap.js';
export * from './ledger-config.js';
export * from './ledger.js';
export * from './ledger.module.js';
export * from './maintenance.js';
export * from './read-model-progress.js';
