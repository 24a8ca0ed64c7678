export * from './farewell.js';
export * from './in-a-row.js';
export * from './json-log.js';
export * from './messaging-settings.js';
export * from './process-settings.js';
export * from './read-settings.js';
export * from './redaction.js';
