export * from './messages/cloud-event.js';
export * from './messages/ledger-message.js';
export * from './messages/ledger-position.js';
export * from './messages/message-schemas.js';
export * from './messages/outgoing-record.js';
export * from './messages/parse-message.js';
export * from './messages/to-message.js';
