import type { EventSkipped } from './event-skipped.js';
import type { GatewayEvent } from './gateway.js';
import type { OrganizationEvent, SlugReserved } from './organization.js';
import type { QuotaEvent } from './quota.js';
import type { TokenEvent } from './token-events.js';
import type { UserEvent } from './user.js';

export * from './authority.js';
export * from './event-skipped.js';
export * from './gateway.js';
export * from './organization.js';
export * from './primitives.js';
export * from './quota-lease.js';
export * from './quota-window.js';
export * from './quota.js';
export * from './rejection.js';
export * from './scope.js';
export * from './secret-ring.js';
export * from './socket-scopes.js';
export * from './socmate-scopes.js';
export * from './token-commands.js';
export * from './token-events.js';
export * from './token.js';
export * from './user.js';
export * from './verification.js';

/** Every fact that the ledger may hold. */
export type LedgerEvent =
  | TokenEvent
  | QuotaEvent
  | OrganizationEvent
  | SlugReserved
  | UserEvent
  | GatewayEvent
  | EventSkipped;
