export * from './messages/cloud-event.js';
export * from './messages/ledger-message.js';
export * from './messages/to-message.js';
