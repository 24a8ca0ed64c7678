export * from './describe-event-store.js';
export * from './sample-events.js';
export * from './temporary-ledger.js';
